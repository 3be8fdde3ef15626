import type { UplinkSettings } from '../base/settings-uplink.ts'
import { encodeAmendments } from '../codec/amendments.ts'
import { BatchBuilder, type Origin, type SeriesName } from '../codec/batch.ts'
import { type RawLogRow, rowValue } from '../store/log.ts'
import type { Outbox } from '../store/outbox.ts'
import type { Store } from '../store/store.ts'
import type { Outgoing } from './protocol.ts'

const AMENDMENTS_MAX = 2_000
/** Wire bytes of a reading before anything was measured. */
const FIRST_GUESS_BYTES = 8
/** A batch is planned to fill so much of the limit, so that few must be built twice. */
const FILL = 0.85

/** Sealed readings are opened for so long before commits may come in between (ms). */
const PREPARE_MS = 8

const AGAIN = Symbol('built too large')

/** Makes the next message for one uplink out of what its outbox says is neither confirmed nor on its way. */
export class Dispatcher {
  readonly #store: Store
  readonly #outbox: Outbox
  readonly #settings: UplinkSettings
  readonly #edge: string
  /** Readings younger than this (ms) stay, so that a later verdict travels with them. */
  readonly #holdMs: number
  #bytesPerReading = FIRST_GUESS_BYTES
  #builder: BatchBuilder

  constructor(store: Store, outbox: Outbox, settings: UplinkSettings, options: { edge: string; holdMs: number }) {
    this.#store = store
    this.#outbox = outbox
    this.#settings = settings
    this.#edge = options.edge
    this.#holdMs = options.holdMs
    this.#builder = new BatchBuilder(this.#origin)
  }

  get #origin(): Origin {
    return { edge: this.#edge, epoch: this.#store.epoch, run: this.#store.run }
  }

  /** @param bytesMax of the message; a single reading or amendment that is larger goes alone. `now`: UTC ms. */
  next({ now, bytesMax }: { now: number; bytesMax: number }): Outgoing {
    const { batchReadingsMax, lingerMs } = this.#settings
    const planned = Math.floor((bytesMax * FILL) / this.#bytesPerReading)
    const countMax = Math.max(1, Math.min(batchReadingsMax, planned))
    if (!this.#outbox.prepare(this.#store.lastSeq, PREPARE_MS)) return { kind: 'wait', ms: 0 }
    const rows = this.#outbox.next(this.#store.lastSeq, countMax)
    const oldest = rows[0]
    if (oldest === undefined) return this.#amendments(bytesMax)
    const ageMs = now - oldest[6]
    const ripe = this.#ripe(rows, now)
    if (ripe.length === 0) return this.#amendments(bytesMax, this.#holdMs - ageMs)
    if (rows.length < countMax && ageMs >= 0 && ageMs < lingerMs) return { kind: 'wait', ms: lingerMs - ageMs }
    return this.#batch(ripe, bytesMax)
  }

  /** The rows up to the first that is held. */
  #ripe(rows: RawLogRow[], now: number): RawLogRow[] {
    if (this.#holdMs === 0) return rows
    const young = rows.findIndex((row) => row[6] > now - this.#holdMs && row[6] <= now)
    return young < 0 ? rows : rows.slice(0, young)
  }

  #batch(rows: RawLogRow[], bytesMax: number): Outgoing {
    for (let count = rows.length; ; count = Math.ceil(count / 2)) {
      const outgoing = this.#build(rows.slice(0, count), bytesMax)
      if (outgoing !== AGAIN) return outgoing
    }
  }

  #build(rows: RawLogRow[], bytesMax: number): Outgoing | typeof AGAIN {
    if (this.#builder.origin.epoch !== this.#store.epoch) this.#builder = new BatchBuilder(this.#origin)
    const builder = this.#builder
    for (const row of rows) builder.add(row[1], row[0], row[2], rowValue(row), row[4], row[5])
    const range = { first: rows[0]![0], last: rows.at(-1)![0] }
    const describe = (id: number): SeriesName => {
      const series = this.#store.catalog.series(id)!
      return { device: series.device.name, metric: series.metric, unit: series.unit || undefined }
    }
    // The rows are of one stretch in which nothing is confirmed or on its way: what is missing was removed.
    const { bytes } = builder.build(describe, { covers: range.last - range.first + 1 > rows.length })
    this.#bytesPerReading = (this.#bytesPerReading + bytes.length / rows.length) / 2
    if (bytes.length > bytesMax && rows.length > 1) return AGAIN
    this.#outbox.take(range, rows)
    const { epoch, run } = builder.origin
    return { kind: 'batch', bytes, epoch, run, range, count: rows.length }
  }

  /** @param waitMs until a reading may leave; undefined where none waits. */
  #amendments(bytesMax: number, waitMs?: number): Outgoing {
    const queued = this.#outbox.nextAmendments(AMENDMENTS_MAX)
    if (queued.length === 0) return { kind: 'wait', ms: waitMs }
    const origin = this.#origin
    for (let count = queued.length; ; count = Math.ceil(count / 2)) {
      const items = queued.slice(0, count)
      const last = items.at(-1)!.id
      const bytes = encodeAmendments({ ...origin, first: items[0]!.id, last, items })
      if (bytes.length > bytesMax && count > 1) continue
      this.#outbox.takeAmendments(last)
      return { kind: 'amendments', bytes, epoch: origin.epoch, run: origin.run, lastId: last, count }
    }
  }
}
