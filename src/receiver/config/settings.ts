import type { ReceiverSettings } from '../../base/settings-receiver.ts'
import type { ConfigLimits } from './config-store.ts'

const DAY_MS = 86_400_000

/** The bounds that a receiver's settings give. */
export function limitsOf({ config }: Pick<ReceiverSettings, 'config'>): ConfigLimits {
  const { devicesMax, changesMax, changesDays } = config
  return { devicesMax, changesMax, changesAgeMsMax: changesDays * DAY_MS }
}
