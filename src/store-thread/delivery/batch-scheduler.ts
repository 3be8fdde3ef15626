import type { SeqRange } from '../../base/reading.ts'
import { encodeAmendments } from '../../codec/amendments.ts'
import { BatchBuilder, type BuiltBatch, type Origin, type SeriesName } from '../../codec/batch.ts'
import { presetOf } from '../../settings/presets/presets.ts'
import type { UplinkSettings } from '../../settings/schema/uplink.ts'
import type { Lane, Outbox } from '../../store/delivery/outbox.ts'
import type { Store } from '../../store/store.ts'
import { LogStretch, type Stretch } from '../../store/stretch.ts'
import type { Ask, Outgoing } from '../protocol.ts'
import { MessageScheduler } from './message-scheduler.ts'

/** Amendments in one message. */
const AMENDMENTS_MAX = 2_000
/** Assumed bytes of a reading on the wire before the first batch is measured. */
const FIRST_GUESS_BYTES = 8
/** A batch is planned to fill this share of the limit, so that few must be built twice. */
const FILL = 0.85

/** Sealed readings are opened for up to this long (ms) before commits may come in between. */
const PREPARE_MS = 8
/** When the next reading of the live lane has waited this long (ms) beyond linger and hold time, it becomes backlog. */
const STALE_MS = 10_000

const AGAIN = Symbol('built too large')

type Content = Outgoing extends infer One ? (One extends Outgoing ? Omit<One, 'backlog'> : never) : never

/** Builds the next message for one uplink from what is neither settled nor in flight in its outbox. */
export class BatchScheduler {
  readonly #store: Store
  readonly #outbox: Outbox
  readonly #settings: UplinkSettings
  readonly #edge: string
  /** Readings younger than this (ms) are held back, so that a verdict that changes meanwhile leaves with them. */
  readonly #holdMs: number
  readonly #messages: MessageScheduler
  #bytesPerReading = FIRST_GUESS_BYTES
  #builder: BatchBuilder

  constructor(store: Store, outbox: Outbox, settings: UplinkSettings, options: { edge: string; holdMs: number }) {
    this.#store = store
    this.#outbox = outbox
    this.#settings = settings
    this.#edge = options.edge
    this.#holdMs = options.holdMs
    this.#builder = new BatchBuilder(this.#origin)
    const { name, prefix } = settings
    const { topicBytesMax, topicSlashesMax } = presetOf(settings)?.limits ?? {}
    const topicLevelsMax = topicSlashesMax === undefined ? undefined : topicSlashesMax + 1
    this.#messages = new MessageScheduler(store, store.delivery.forwards.outbox(name), {
      edge: options.edge,
      prefix,
      topicBytesMax,
      topicLevelsMax,
    })
  }

  get #origin(): Origin {
    return { edge: this.#edge, epoch: this.#store.epoch, run: this.#store.run }
  }

  /**
   * @param ask maximum bytes of a message for each lane; a single reading or amendment that is larger goes alone
   * @param now UTC ms
   */
  next(ask: Ask, now: number): Outgoing {
    let waitMs: number | undefined
    for (const source of this.#turns(ask.prefer)) {
      const next = this.#from(source, ask, now)
      if (next.kind !== 'wait') return this.#withBacklog(next)
      waitMs = next.ms === undefined ? waitMs : Math.min(next.ms, waitMs ?? Infinity)
    }
    return this.#withBacklog(this.#amendments(ask.live) ?? { kind: 'wait', ms: waitMs })
  }

  /**
   * The order of sources. Messages of forward routes come after live readings, or before them when they are owed a
   * turn. The backlog comes last, or first when it is preferred.
   */
  #turns(prefer: Lane): (Lane | 'forward')[] {
    const fresh: (Lane | 'forward')[] = this.#messages.isOwed ? ['forward', 'live'] : ['live', 'forward']
    return prefer === 'live' ? [...fresh, 'backfill'] : ['backfill', ...fresh]
  }

  #from(source: Lane | 'forward', { live, backfill, forward = 0 }: Ask, now: number): Content {
    if (source === 'forward') return this.#messages.next(forward, now)
    const bytesMax = source === 'live' ? live : backfill
    if (bytesMax === 0) return { kind: 'wait', ms: undefined }
    const next = (source === 'backfill' && this.#aside(bytesMax)) || this.#lane(source, bytesMax, now)
    if (source === 'live' && next.kind === 'batch') this.#messages.yielded(next.bytes.length)
    return next
  }

  #withBacklog(content: Content): Outgoing {
    return { ...content, backlog: this.#outbox.hasBacklog() }
  }

  #lane(lane: Lane, bytesMax: number, now: number): Content {
    const { lingerMs } = this.#settings
    const { lastSeq } = this.#store
    const countMax = this.#planned(bytesMax)
    if (!this.#outbox.prepare(lane, lastSeq, PREPARE_MS)) return { kind: 'wait', ms: 0 }
    const stretch = this.#outbox.next(lane, lastSeq, countMax)
    if (stretch === undefined) return { kind: 'wait', ms: undefined }
    const ageMs = now - stretch.oldestAt
    if (lane === 'live' && ageMs > lingerMs + this.#holdMs + STALE_MS) {
      this.#outbox.beginLive(lastSeq)
      return { kind: 'wait', ms: 0 }
    }
    const ripe = this.#holdMs === 0 ? stretch : stretch.before(now - this.#holdMs, now)
    if (ripe === undefined) return { kind: 'wait', ms: this.#holdMs - ageMs }
    const mayWait = lane === 'live' && stretch.count < countMax && ageMs >= 0 && ageMs < lingerMs
    return mayWait ? { kind: 'wait', ms: lingerMs - ageMs } : this.#batch(lane, ripe, bytesMax)
  }

  /** The number of readings that probably fit. */
  #planned(bytesMax: number): number {
    const planned = Math.floor((bytesMax * FILL) / this.#bytesPerReading)
    return Math.max(1, Math.min(this.#settings.batchReadingsMax, planned))
  }

  #batch(lane: Lane, stretch: Stretch, bytesMax: number): Content {
    for (let some = stretch; ; some = some.head(Math.ceil(some.count / 2))) {
      const range = { first: some.first, last: some.last }
      const batch = this.#build(range, some, bytesMax)
      if (batch === AGAIN) continue
      this.#outbox.take(range, batch.bySeries)
      return this.#sent(lane, range, batch)
    }
  }

  /**
   * Changed verdicts, then what must be sent again: parked readings to replay, and readings that the receiver has lost.
   */
  #aside(bytesMax: number): Content | undefined {
    return this.#amendments(bytesMax) ?? this.#replay() ?? this.#again(bytesMax)
  }

  #replay(): Content | undefined {
    const parked = this.#outbox.parked.next()
    if (parked === undefined) return undefined
    const range = { first: parked[0], last: parked[0] }
    this.#outbox.parked.take(parked[0])
    return this.#sent('backfill', range, this.#build(range, new LogStretch([parked]), Infinity) as BuiltBatch)
  }

  #again(bytesMax: number): Content | undefined {
    for (let countMax = this.#planned(bytesMax); ; countMax = Math.ceil(countMax / 2)) {
      const again = this.#outbox.again.next(countMax)
      if (again === undefined) return undefined
      const batch = this.#build(again.range, again.stretch, bytesMax)
      if (batch === AGAIN) continue
      this.#outbox.again.take(again.range)
      return this.#sent('backfill', again.range, batch)
    }
  }

  #sent(lane: Lane, range: SeqRange, { bytes, count }: BuiltBatch): Content {
    const { epoch, run } = this.#builder.origin
    this.#outbox.sent.add(range)
    return { kind: 'batch', lane, bytes, epoch, run, range, count }
  }

  /** Nothing in the range is settled or in flight: positions without a reading in `stretch` were removed. */
  #build(range: SeqRange, stretch: Stretch | undefined, bytesMax: number): BuiltBatch | typeof AGAIN {
    if (this.#builder.origin.epoch !== this.#store.epoch) this.#builder = new BatchBuilder(this.#origin)
    stretch?.addTo(this.#builder)
    const describe = (id: number): SeriesName => {
      const series = this.#store.intake.catalog.series(id)!
      return { device: series.device.name, metric: series.metric, unit: series.unit || undefined }
    }
    const { count = 0 } = stretch ?? {}
    const batch = this.#builder.build(describe, { covers: range.last - range.first + 1 > count && range })
    if (count > 0) this.#bytesPerReading = (this.#bytesPerReading + batch.bytes.length / count) / 2
    return batch.bytes.length > bytesMax && count > 1 ? AGAIN : batch
  }

  #amendments(bytesMax: number): Content | undefined {
    if (bytesMax === 0) return undefined
    const queued = this.#outbox.amendments.next(AMENDMENTS_MAX)
    if (queued.length === 0) return undefined
    const origin = this.#origin
    for (let count = queued.length; ; count = Math.ceil(count / 2)) {
      const items = queued.slice(0, count)
      const last = items.at(-1)!.id
      const bytes = encodeAmendments({ ...origin, first: items[0]!.id, last, items })
      if (bytes.length > bytesMax && count > 1) continue
      this.#outbox.amendments.take(last)
      return { kind: 'amendments', bytes, epoch: origin.epoch, run: origin.run, lastId: last, count }
    }
  }
}
