import type { Seq, SeqRange } from '../../base/reading.ts'
import type { BlockColumns } from '../../codec/block.ts'
import { type Block, seriesOf } from '../sealed/blocks.ts'
import { Merging } from '../sealed/merging.ts'
import type { Seal } from '../sealed/seals.ts'
import type { Packing } from '../sealed/task.ts'
import { addCount, isOnItsWay, waitingIn } from './drop-seal.ts'
import type { RemovalCount } from './removal.ts'
import type { Retention } from './retention.ts'
import { type HourlySums, sumByHour } from './rollups.ts'

/** Readings kept per interval: first, last, minimum, maximum. An interval with at most this many keeps all. */
const KEPT_MAX = 4
/** Seals that are thinned together: few readings are left of each, and small blocks save nothing. */
const SEALS_AT_ONCE = 16

/**
 * The oldest seals that can be thinned: neighbours that are not thinned yet and have nothing in flight, up to one of
 * `ends`. Empty: none can.
 */
export function thinnable(
  seals: readonly Seal[],
  isOnItsWay: (seal: Seal) => boolean,
  ends: readonly Seq[],
): readonly Seal[] {
  const start = seals.findIndex((seal) => seal.thinned === 0 && !isOnItsWay(seal))
  if (start < 0) return []
  const some = seals.slice(start, start + SEALS_AT_ONCE)
  const last = Math.min(...ends.filter((end) => end >= seals[start]!.last))
  const end = some.findIndex((seal) => seal.thinned === 1 || isOnItsWay(seal) || seal.last > last)
  return end < 0 ? some : some.slice(0, end)
}

/**
 * Makes room among unconfirmed readings: for every interval of `thinMs` of a series' own time, keeps only the most
 * informative readings: the first, the last, the minimum and the maximum (M4: Jugel, Jerzak, Hackenbroich, Markl, VLDB
 * 2014). They keep the values and positions that they have, and are sent to the cloud as ordinary readings.
 */
export function thinning(retention: Retention, seals: readonly Seal[]): Packing {
  const { context, policies, removal, rollups } = retention
  const range: SeqRange = { first: seals[0]!.first, last: seals.at(-1)!.last }
  const waiting = JSON.stringify(waitingIn(context, range))
  const counts = new Map<number, RemovalCount>()
  const sums: { series: number; byHour: HourlySums }[] = []
  const keep = (block: Block, columns: BlockColumns): BlockColumns => {
    const series = seriesOf(block.id)
    const { thinMs } = policies.of(series)
    if (thinMs === undefined) return columns
    const kept = keptRows(columns, thinMs)
    if (kept.size === columns.seq.length) return columns
    const isRemoved = (row: number): boolean => !kept.has(row)
    addCount(counts, removal.deviceOf(series), removal.count({ head: block, columns }, isRemoved))
    if (removal.keepsRollups(series)) sums.push({ series, byHour: sumByHour(columns, isRemoved) })
    return pick(
      columns,
      [...kept].sort((a, b) => a - b),
    )
  }
  return new Merging(context, seals, {
    mark: { level: seals[0]!.level, thinned: 1 },
    keep,
    // If an uplink has sent or confirmed some of it meanwhile, the count is wrong: give up, and try again later.
    isStillRight: () => !isOnItsWay(context, range) && JSON.stringify(waitingIn(context, range)) === waiting,
    book: () => {
      for (const [device, count] of counts) removal.bookCount(device, count, 'thinned')
      for (const { series, byHour } of sums) rollups.add(series, byHour, context.arrivedAt(seals.at(-1)!))
    },
  })
}

/** The rows that are kept. Rows without a number are always kept, because no other row can represent them. */
export function keptRows({ ts, values }: Pick<BlockColumns, 'ts' | 'values'>, thinMs: number): Set<number> {
  const kept = new Set<number>()
  const spans = new Map<number, { rows: number[]; first: number; last: number; least: number; greatest: number }>()
  for (let row = 0; row < ts.length; row++) {
    const value = values[row]
    if (typeof value !== 'number') {
      kept.add(row)
      continue
    }
    const start = Math.floor(ts[row]! / thinMs)
    const span = spans.get(start)
    if (span === undefined) {
      spans.set(start, { rows: [row], first: row, last: row, least: row, greatest: row })
      continue
    }
    span.rows.push(row)
    if (ts[row]! < ts[span.first]!) span.first = row
    if (ts[row]! >= ts[span.last]!) span.last = row
    if (value < (values[span.least] as number)) span.least = row
    if (value > (values[span.greatest] as number)) span.greatest = row
  }
  for (const { rows, first, last, least, greatest } of spans.values()) {
    const some = rows.length <= KEPT_MAX ? rows : [first, last, least, greatest]
    for (const row of some) kept.add(row)
  }
  return kept
}

function pick({ seq, ts, values, quality, reasons }: BlockColumns, rows: readonly number[]): BlockColumns {
  return {
    seq: Float64Array.from(rows, (row) => seq[row]!),
    ts: Float64Array.from(rows, (row) => ts[row]!),
    values: rows.map((row) => values[row]!),
    quality: Uint8Array.from(rows, (row) => quality[row]!),
    reasons: Uint32Array.from(rows, (row) => reasons[row]!),
  }
}
