import type { Question } from './history-peer.ts'
import type { Plant } from './plant.ts'

export const PEER_NAMES = ['tidegate', 'table + index on (series, ts)', 'duckdb'] as const
export type PeerName = (typeof PEER_NAMES)[number]

export interface Questions {
  /** Asked first, and not measured. */
  readonly warmUp: readonly Question[]
  /** One day each. */
  readonly range: readonly Question[]
  /** A year each, or all that there is. */
  readonly buckets: readonly Question[]
}

export interface Timing {
  readonly firstMs: number
  readonly allMs: number
}

/** What a peer took for the questions, in their order. */
export interface Asked {
  readonly range: readonly Timing[]
  readonly buckets: readonly Timing[]
}

/** Recordings with a reading every five minutes; the others have fewer, and are answered faster. */
const DENSE: ReadonlySet<string> = new Set(['Twitter_volume_GOOG', 'machine_temperature_system_failure'])
const DAY_MS = 86_400_000
const YEAR_MS = 365 * DAY_MS
const WARM_UP = 5
/** Places that are far from each other, without chance: fractions of multiples of the golden section. */
const GOLDEN = 0.618_033_988_749_894_8

/**
 * Questions about series with a reading every five minutes, another series and another day each, spread evenly over both.
 * @param first time of the earliest reading of all, UTC ms. @param last time of the latest one.
 */
export function questionsAbout(
  plant: Plant,
  { first, last }: { first: number; last: number },
  count: number,
): Questions {
  const dense = Array.from({ length: plant.seriesCount }, (_, series) => series).filter((series) =>
    DENSE.has(plant.recordingOf(series)),
  )
  const seriesAt = (i: number): number => dense[Math.floor(((i * GOLDEN) % 1) * dense.length)]!
  const day = (i: number): Question => {
    const from = Math.floor(first + ((i * Math.SQRT2) % 1) * (last - first - DAY_MS))
    return { series: seriesAt(i), from, to: from + DAY_MS }
  }
  const year = (i: number): Question => ({ series: seriesAt(i), from: Math.max(first, last - YEAR_MS), to: last })
  const numbers = (from: number, length: number): number[] => Array.from({ length }, (_, i) => from + i)
  return {
    warmUp: numbers(1, WARM_UP).map(day),
    range: numbers(1 + WARM_UP, count).map(day),
    buckets: numbers(1 + WARM_UP, count).map(year),
  }
}
