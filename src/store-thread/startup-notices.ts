import type { NameChange } from '../store/edge-name.ts'
import { describeDamage } from '../store/recovery/damages.ts'
import type { Store } from '../store/store.ts'
import type { Notice } from './protocol.ts'

/** Notices for the log about a store that was just opened. */
export function* startupNotices({ delivery, upkeep, renamed }: Store): Generator<Notice> {
  const { soundness } = upkeep
  const { retired, forwards } = delivery
  if (renamed !== undefined) yield { level: 'warn', text: adoption(renamed) }
  for (const damage of soundness.unacknowledged) yield { level: 'error', text: describeDamage(damage) }
  for (const { name, waiting } of retired) yield { level: 'warn', text: retirement(name, waiting) }
  const { freed } = forwards
  if (freed > 0) yield { level: 'warn', text: `${freed} messages for uplinks no longer in the settings were removed` }
}

function adoption({ from, to, epoch }: NameChange): string {
  return `the store of the edge "${from}" now belongs to "${to}", with the new epoch ${epoch}: what was not confirmed is sent as "${to}"`
}

function retirement(name: string, waiting: number): string {
  return `uplink ${name} is no longer in the settings: its ${waiting} undelivered readings no longer wait for it`
}
