import { describeDamage } from '../store/recovery/damages.ts'
import type { Store } from '../store/store.ts'
import type { Notice } from './protocol.ts'

/** What a person should know of a store that was just opened. */
export function* startupNotices({ delivery, upkeep }: Store): Generator<Notice> {
  const { soundness } = upkeep
  const { retired, forwards } = delivery
  for (const damage of soundness.unacknowledged) yield { level: 'error', text: describeDamage(damage) }
  for (const { name, waiting } of retired) yield { level: 'warn', text: retirement(name, waiting) }
  const { freed } = forwards
  if (freed > 0) yield { level: 'warn', text: `${freed} messages were for uplinks that are gone: they are removed` }
}

function retirement(name: string, waiting: number): string {
  return `the settings name no uplink ${name} any more: what it had not delivered (${waiting} readings) waits for it no longer`
}
