import type { ReceiverSettings } from '../../settings/receiver.ts'
import { STRICT_PRESETS } from '../../settings/schema/config.ts'
import type { ConfigLimits } from './config-store.ts'

const DAY_MS = 86_400_000

/** Whether a receiver takes part in config sync. */
export function isEnabled({ config, cloud }: Pick<ReceiverSettings, 'config' | 'cloud'>): boolean {
  return config.enabled ?? !STRICT_PRESETS.includes(cloud.preset)
}

/** The limits from a receiver's settings. */
export function limitsOf({ config }: Pick<ReceiverSettings, 'config'>): ConfigLimits {
  const { devicesMax, changesMax, changesDays } = config
  return { devicesMax, changesMax, changesAgeMsMax: changesDays * DAY_MS }
}
