import type { Statement } from 'better-sqlite3'
import type { Seq } from '../../base/reading.ts'
import { Rows } from '../../codec/block.ts'
import { LOG_COLUMNS, type RawLogRow, rowValue } from '../log.ts'
import { SealWriter } from './packing.ts'
import { type HousekeepingContext, type Packing, SLICE_MS, type Task } from './task.ts'
import type { OverlaidVerdict } from './verdicts.ts'

const PAGE_ROWS = 2_048

/**
 * Packs the oldest stretch of the closed log into blocks, one or more for each series.
 *
 *     read the rows ▸ pack ▸ write invisible blocks ▸ one transaction: insert the seal, advance `sealed`
 *
 * A reading is in the log while `sealed` is below its position, and in a block from then on. A crash before the last
 * transaction leaves blocks without a seal; a crash after it leaves log rows up to `sealed`. Both are leftovers that
 * are cleared later.
 */
export class Sealing implements Packing {
  readonly first: Seq
  readonly last: Seq
  readonly #context: HousekeepingContext
  /** Verdicts that changed after their rows were read. */
  readonly #changed = new Map<Seq, OverlaidVerdict>()

  /** @param last above the sealed positions, at most the end of the log. */
  constructor(context: HousekeepingContext, last: Seq) {
    this.#context = context
    this.first = context.seals.sealedUpTo + 1
    this.last = last
  }

  amended(verdict: OverlaidVerdict): void {
    if (verdict.seq >= this.first && verdict.seq <= this.last) this.#changed.set(verdict.seq, verdict)
  }

  *run(): Task {
    const { seals, blocks, verdicts } = this.#context
    const rows = new Rows()
    const received = yield* this.#collect(rows)
    if (rows.count === 0) return
    const part = blocks.freePart(seals.all)
    const writer = new SealWriter(blocks, part, (work) => this.#context.write(work))
    yield* pack(rows, writer)
    const { first, last } = this
    this.#context.write(() => {
      writer.insertWaiting()
      for (const verdict of this.#changed.values()) verdicts.put(verdict)
      seals.append({ id: part, first, last, level: 0, thinned: 0, ...writer.totals, ...received })
    })
  }

  *#collect(rows: Rows): Generator<undefined, { receivedFirst: number; receivedLast: number }, undefined> {
    const page = this.#context.database
      .prepare(`SELECT ${LOG_COLUMNS} FROM log WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ${PAGE_ROWS}`)
      .raw() as Statement<[Seq, Seq]>
    let receivedFirst = 0
    let receivedLast = 0
    for (let next = this.first; next <= this.last; ) {
      const some = page.all(next, this.last) as RawLogRow[]
      for (const row of some) rows.add(row[1], row[0], row[2], rowValue(row), row[4], row[5])
      if (some.length === 0) break
      if (next === this.first) receivedFirst = some[0]![6]
      receivedLast = some.at(-1)![6]
      next = some.at(-1)![0] + 1
      yield
    }
    return { receivedFirst, receivedLast }
  }
}

function* pack(rows: Rows, writer: SealWriter): Task {
  const { starts } = rows.arrange()
  // Ids ascend by part and then by series: written in this order, blocks are adjacent on the disk.
  const bySeries = rows.keys.map((series, slot) => ({ series, slot })).sort((a, b) => a.series - b.series)
  let sliceEnd = performance.now() + SLICE_MS
  for (const { series, slot } of bySeries) {
    writer.add(series, rows, rows.order.subarray(starts[slot]!, starts[slot + 1]!))
    if (writer.isDue) writer.flush()
    else if (performance.now() < sliceEnd) continue
    yield
    sliceEnd = performance.now() + SLICE_MS
  }
}
