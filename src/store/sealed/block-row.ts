import { assert } from '../../base/errors.ts'
import { worse } from '../../base/flags.ts'
import type { Quality, Seq } from '../../base/reading.ts'
import type { BlockColumns } from '../../codec/block.ts'
import { summarize } from './block-summary.ts'

/** The values of a row of `blocks`, in the order of its columns. */
export type BlockRow = readonly [
  id: number,
  readings: number,
  seqFirst: Seq,
  seqLast: Seq,
  tsMin: number,
  tsMax: number,
  good: number,
  worst: Quality,
  numbers: number,
  valueMin: number | null,
  valueMax: number | null,
  valueSum: number | null,
  valueFirst: number | null,
  valueLast: number | null,
  bytes: Uint8Array,
]

/**
 * Makes the row of a block. This is the only place that makes one: the summary is computed from the columns of the block
 * itself, and the finished row is compared with them, because a wrong summary gives wrong answers for ever, and a block
 * whose positions are wrong is skipped by the uplinks. The readings are still in the log, or in the blocks that are being
 * merged.
 * @param bytes the columns, packed
 */
export function blockRow(id: number, columns: BlockColumns, bytes: Uint8Array): BlockRow {
  const { readings, seqFirst, seqLast, tsMin, tsMax, good, worst, numbers, ...values } = summarize(columns)
  const { valueMin, valueMax, valueSum, valueFirst, valueLast } = values
  const row: BlockRow = [
    ...([id, readings, seqFirst, seqLast, tsMin, tsMax, good, worst] as const),
    ...([numbers, valueMin, valueMax, valueSum, valueFirst, valueLast, bytes] as const),
  ]
  assert(isRowOf(row, columns), `the summary of block ${id} is that of its readings`)
  return row
}

/**
 * Whether a row has the summary of these readings. It tests each reading against the row, and that some reading reaches
 * each bound, instead of accumulating values as `summarize` does: an error in one of them does not hide in the other.
 */
export function isRowOf(row: BlockRow, { seq, ts, values, quality }: BlockColumns): boolean {
  const readings = row[1]
  const tsMin = row[4]
  const tsMax = row[5]
  const worst = row[7]
  const least = row[9] ?? Infinity
  const greatest = row[10] ?? -Infinity
  if (readings !== seq.length || row[2] !== seq[0] || row[3] !== seq[readings - 1]) return false
  let reached = 0
  let first = -1
  let last = -1
  let good = 0
  let numbers = 0
  let sum = 0
  for (let i = 0; i < readings; i++) {
    const at = ts[i]!
    if (!(at >= tsMin && at <= tsMax)) return false
    if (at === tsMin) reached |= TS_MIN
    if (at === tsMax) reached |= TS_MAX
    const flag = quality[i] as Quality
    if (flag === 1) good++
    if (flag === worst) reached |= WORST
    else if (worse(flag, worst) !== worst) return false
    const value = values[i]
    if (typeof value !== 'number') continue
    if (!(value >= least && value <= greatest)) return false
    if (value === least) reached |= LEAST
    if (value === greatest) reached |= GREATEST
    numbers++
    sum += value
    if (first < 0 || at < ts[first]!) first = i
    if (last < 0 || at >= ts[last]!) last = i
  }
  if (row[6] !== good || row[8] !== numbers) return false
  if (numbers === 0) return reached === (TS_MIN | TS_MAX | WORST) && row.slice(9, 14).every((value) => value === null)
  const isSum = row[11] === (Number.isNaN(sum) ? null : sum)
  return reached === ALL && isSum && row[12] === values[first] && row[13] === values[last]
}

/** Bounds of a summary that a reading has reached: each must be the value of a reading. */
const TS_MIN = 1
const TS_MAX = 2
const WORST = 4
const LEAST = 8
const GREATEST = 16
const ALL = TS_MIN | TS_MAX | WORST | LEAST | GREATEST
