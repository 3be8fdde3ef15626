import { type BlockColumns, BlockPacker, Rows } from '../codec/block.ts'
import { SLICE_MS, type Task } from './bench.ts'
import { summarize } from './block-summary.ts'
import { type Block, type BlockHead, seriesOf } from './blocks.ts'
import { addColumns, inOrder } from './packing.ts'
import type { Retention } from './retention.ts'
import type { Seal } from './seals.ts'

/** Only these many readings of one stretch of time stay: first, last, least, greatest. Fewer than twice as many stay all. */
const KEPT_MAX = 4

/**
 * Makes room in what is not confirmed yet: of each `thinMs` of a series' own time only those readings stay that tell
 * most, the first, the last, the least and the greatest (M4: Jugel, Jerzak, Hackenbroich, Markl, VLDB 2014). They are
 * readings as the device sent them, with their own position, and go to the cloud as such.
 */
export function* thin(retention: Retention, seal: Seal): Task {
  const { bench, policies } = retention
  const heads: BlockHead[] = []
  for (const page of bench.blocks.headPages(seal)) {
    for (const head of page) if (policies.of(seriesOf(head.id)).thinMs !== undefined) heads.push(head)
    yield
  }
  let left = seal
  let skipped = false
  for (let next = 0; next < heads.length; ) {
    const some: Block[] = []
    for (const sliceEnd = performance.now() + SLICE_MS; next < heads.length && performance.now() < sliceEnd; next++) {
      some.push(bench.blocks.get(heads[next]!.id)!)
    }
    // What is on its way may arrive: it must not be booked as lost.
    const still = some.filter(({ seqFirst: first, seqLast: last }) => {
      return !bench.outboxes.some((outbox) => outbox.isOnItsWay({ first, last }))
    })
    skipped ||= still.length < some.length
    bench.write(() => {
      const readings = still.reduce((sum, block) => sum + thinBlock(retention, block), 0)
      left = retention.removal.shrink(left, { readings, blocks: 0 })!
    })
    yield
  }
  if (!skipped) bench.write(() => bench.seals.replace([left], { ...left, thinned: 1 }))
}

/** Inside a transaction. @returns how many readings were removed. */
function thinBlock({ bench, policies, removal }: Retention, block: Block): number {
  const series = seriesOf(block.id)
  const columns = bench.blocks.open(block)
  const kept = keptRows(columns, policies.of(series).thinMs!)
  if (kept.size === columns.seq.length) return 0
  const removed = removal.book({ head: block, columns }, 'thinned', (row) => !kept.has(row))
  const left = pick(
    columns,
    [...kept].sort((a, b) => a - b),
  )
  const rows = new Rows()
  addColumns(rows, series, left)
  bench.blocks.insert(block.id, summarize(left), new BlockPacker().pack(rows, inOrder(rows)))
  bench.verdicts.drop({ first: block.seqFirst, last: block.seqLast }, series)
  return removed
}

/** The rows that stand for the others of their time. Rows without a number stay: nothing can stand for them. */
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
