import type { StoreSettings } from '../../settings/edge.ts'
import { LOG_ROW_BYTES } from '../log.ts'

/**
 * Maximum length of a stretch as a multiple of `sealRows`; it grows so that each series has more than a few readings.
 */
const STRETCH_FACTOR_MAX = 4
/** Average number of readings per series that a stretch should have. */
const READINGS_PER_SERIES = 32
/** The log may take at most this share of `maxBytes`. */
const LOG_SHARE = 1 / 32

/** Rows of a stretch, so that each series has more than a few readings in it. */
export function stretchRows(
  { maxBytes = Infinity, sealRows }: Pick<StoreSettings, 'sealRows' | 'maxBytes'>,
  seriesCount: number,
): number {
  const rows = Math.min(sealRows, Math.ceil((maxBytes * LOG_SHARE) / LOG_ROW_BYTES))
  return Math.min(STRETCH_FACTOR_MAX * rows, Math.max(rows, READINGS_PER_SERIES * seriesCount))
}
