import { worse } from '../../base/flags.ts'
import type { Quality, Seq } from '../../base/reading.ts'
import type { BlockColumns } from '../../codec/block.ts'

/**
 * The summary of a block, readable without opening it. The values are those of its numbers; text, booleans, bytes and
 * missing values count as readings only. `null`: there is no number, or a sum that is undefined (∞ − ∞).
 */
export interface BlockSummary {
  readonly readings: number
  readonly seqFirst: Seq
  readonly seqLast: Seq
  /** Bounds of the readings' times, UTC ms. */
  readonly tsMin: number
  readonly tsMax: number
  /** Number of readings of quality 1. */
  readonly good: number
  /** Roll-up of all qualities, 9 < 2 < 1 < 3 < 4. */
  readonly worst: Quality
  readonly numbers: number
  readonly valueMin: number | null
  readonly valueMax: number | null
  readonly valueSum: number | null
  /** The first and the last number in time; of equal times, by position. */
  readonly valueFirst: number | null
  readonly valueLast: number | null
}

/** Summarizes readings of one series, given in ascending position. */
export function summarize({ seq, ts, values, quality }: BlockColumns): BlockSummary {
  let [tsMin, tsMax, good] = [Infinity, -Infinity, 0]
  let worst: Quality = 9
  let [numbers, valueMin, valueMax, valueSum] = [0, Infinity, -Infinity, 0]
  let [firstTs, lastTs, valueFirst, valueLast] = [Infinity, -Infinity, 0, 0]
  for (let i = 0; i < seq.length; i++) {
    const at = ts[i]!
    if (at < tsMin) tsMin = at
    if (at > tsMax) tsMax = at
    const flag = quality[i] as Quality
    if (flag === 1) good++
    if (flag !== worst) worst = worse(worst, flag)
    const value = values[i]
    if (typeof value !== 'number') continue
    numbers++
    if (value < valueMin) valueMin = value
    if (value > valueMax) valueMax = value
    valueSum += value
    if (at < firstTs) [firstTs, valueFirst] = [at, value]
    if (at >= lastTs) [lastTs, valueLast] = [at, value]
  }
  const some = numbers > 0
  return {
    readings: seq.length,
    seqFirst: seq[0]!,
    seqLast: seq.at(-1)!,
    tsMin,
    tsMax,
    good,
    worst,
    numbers,
    valueMin: some ? valueMin : null,
    valueMax: some ? valueMax : null,
    valueSum: some && !Number.isNaN(valueSum) ? valueSum : null,
    valueFirst: some ? valueFirst : null,
    valueLast: some ? valueLast : null,
  }
}

/** What a stored summary says that is not so: a text per column, at most a few numbers long. */
export function summaryErrors(stored: BlockSummary, columns: BlockColumns): string[] {
  const right = summarize(columns)
  return (Object.keys(right) as (keyof BlockSummary)[])
    .filter((column) => stored[column] !== right[column])
    .map((column) => `${column} ${stored[column]} instead of ${right[column]}`)
}
