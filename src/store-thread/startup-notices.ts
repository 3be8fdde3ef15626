import { describeDamage } from '../store/recovery/damages.ts'
import type { Store } from '../store/store.ts'
import type { Notice } from './protocol.ts'

/** Notices for the log about a store that was just opened. */
export function* startupNotices({ delivery, upkeep }: Store): Generator<Notice> {
  const { soundness } = upkeep
  const { retired, forwards } = delivery
  for (const damage of soundness.unacknowledged) yield { level: 'error', text: describeDamage(damage) }
  for (const { name, waiting } of retired) yield { level: 'warn', text: retirement(name, waiting) }
  const { freed } = forwards
  if (freed > 0) yield { level: 'warn', text: `${freed} messages for uplinks no longer in the settings were removed` }
}

function retirement(name: string, waiting: number): string {
  return `uplink ${name} is no longer in the settings: its ${waiting} undelivered readings no longer wait for it`
}
