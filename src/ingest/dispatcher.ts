import type { UplinkSettings } from '../base/settings.ts'
import { encodeAmendments } from '../codec/amendments.ts'
import { BatchBuilder } from '../codec/batch.ts'
import { type RawLogRow, rowValue } from '../store/log.ts'
import type { Outbox } from '../store/outbox.ts'
import type { Store } from '../store/store.ts'
import type { Outgoing } from './protocol.ts'

const AMENDMENTS_MAX = 2_000
/** Wire bytes of a reading before anything was measured. */
const FIRST_GUESS_BYTES = 8
/** A batch is planned to fill so much of the limit, so that few must be built twice. */
const FILL = 0.85

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
    this.#builder = new BatchBuilder(options.edge, store.epoch)
  }

  next(now: number): Outgoing {
    const { batchReadingsMax, batchBytesMax, lingerMs } = this.#settings
    const planned = Math.floor((batchBytesMax * FILL) / this.#bytesPerReading)
    const countMax = Math.max(1, Math.min(batchReadingsMax, planned))
    const rows = this.#outbox.next(this.#store.lastSeq, countMax)
    const oldest = rows[0]
    if (oldest === undefined) return this.#amendments(undefined)
    const ageMs = now - oldest[6]
    const ripe = this.#ripe(rows, now)
    if (ripe.length === 0) return this.#amendments(this.#holdMs - ageMs)
    if (rows.length < countMax && ageMs >= 0 && ageMs < lingerMs) return { kind: 'wait', ms: lingerMs - ageMs }
    return this.#batch(ripe)
  }

  /** The rows up to the first that is held. */
  #ripe(rows: RawLogRow[], now: number): RawLogRow[] {
    if (this.#holdMs === 0) return rows
    const young = rows.findIndex((row) => row[6] > now - this.#holdMs && row[6] <= now)
    return young < 0 ? rows : rows.slice(0, young)
  }

  #batch(rows: RawLogRow[]): Outgoing {
    for (let count = rows.length; ; count = Math.ceil(count / 2)) {
      const outgoing = this.#build(rows.slice(0, count))
      if (outgoing !== AGAIN) return outgoing
    }
  }

  #build(rows: RawLogRow[]): Outgoing | typeof AGAIN {
    if (this.#builder.epoch !== this.#store.epoch) this.#builder = new BatchBuilder(this.#edge, this.#store.epoch)
    const builder = this.#builder
    for (const row of rows) builder.add(row[1], row[0], row[2], rowValue(row), row[4], row[5])
    const { bytes } = builder.build((id) => {
      const series = this.#store.catalog.series(id)!
      return { device: series.device.name, metric: series.metric, unit: series.unit || undefined }
    })
    this.#bytesPerReading = (this.#bytesPerReading + bytes.length / rows.length) / 2
    if (bytes.length > this.#settings.batchBytesMax && rows.length > 1) return AGAIN
    const range = { first: rows[0]![0], last: rows.at(-1)![0] }
    this.#outbox.take(range)
    return { kind: 'batch', bytes, epoch: builder.epoch, range, count: rows.length }
  }

  /** @param waitMs until a reading may leave. */
  #amendments(waitMs: number | undefined): Outgoing {
    const items = this.#outbox.nextAmendments(AMENDMENTS_MAX)
    if (items.length === 0) return { kind: 'wait', ms: waitMs }
    const first = items[0]!.id
    const last = items.at(-1)!.id
    const bytes = encodeAmendments({ edge: this.#edge, epoch: this.#store.epoch, first, last, items })
    this.#outbox.takeAmendments(last)
    return { kind: 'amendments', bytes, lastId: last, count: items.length }
  }
}
