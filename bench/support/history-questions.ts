import type { Question } from './history-peer.ts'
import type { Plant } from './plant.ts'

export const PEER_NAMES = ['tidegate', 'table + index on (series, ts)', 'duckdb'] as const
export type PeerName = (typeof PEER_NAMES)[number]

export interface Questions {
  /** Asked first; not measured. */
  readonly warmUp: readonly Question[]
  /** One day each. */
  readonly range: readonly Question[]
  /** One year each, or everything if there is less. */
  readonly buckets: readonly Question[]
}

export interface Timing {
  readonly firstMs: number
  readonly allMs: number
}

/** The times that a peer took for the questions, in their order. */
export interface Asked {
  /** The number of all readings in the database. */
  readonly readings: number
  readonly range: readonly Timing[]
  readonly buckets: readonly Timing[]
}

const DAY_MS = 86_400_000
const YEAR_MS = 365 * DAY_MS
const WARM_UP = 5
/** The fractions of its multiples are spread evenly, without random numbers: the golden ratio. */
const GOLDEN = 0.618_033_988_749_894_8

/**
 * Questions about series with a reading every five minutes, since the others have fewer readings and are answered faster.
 * Each question is about another series and another day, spread evenly over both.
 * @param first time of the earliest reading of all, UTC ms. @param last time of the latest one.
 */
export function questionsAbout(
  plant: Plant,
  { first, last }: { first: number; last: number },
  count: number,
): Questions {
  const dense = Array.from({ length: plant.seriesCount }, (_, series) => series).filter((series) =>
    plant.isDense(series),
  )
  if (dense.length === 0) throw new Error('no series has a reading every five minutes')
  if (last - first < DAY_MS)
    throw new Error('the readings cover less than a day: more --rows or fewer --series are needed')
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
