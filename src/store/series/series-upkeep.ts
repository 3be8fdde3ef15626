import type { Seq } from '../../base/reading.ts'
import type { StoreSettings } from '../../settings/edge.ts'
import type { Outbox } from '../delivery/outbox.ts'
import type { Retention } from '../housekeeping/retention.ts'
import type { Rejects } from '../rejects.ts'
import type { Repeats } from '../repeats/repeats.ts'
import type { Task } from '../sealed/task.ts'
import { ForgetDevices, type Forgetting } from './forget-devices.ts'
import { type SeriesContext, UnusedSeries } from './unused-series.ts'

/** From this share of `seriesMax` on, unused series and devices are searched for; below it, they stay. */
const SEARCH_FROM = 0.5
/** Pause before the next search, and before a forget order is tried again; doubled when it changed nothing (ms). */
const PAUSE_MS_MIN = 10_000
const PAUSE_MS_MAX = 3_600_000

export interface SeriesUpkeepOptions {
  readonly settings: Pick<StoreSettings, 'seriesMax'>
  readonly retention: Retention
  readonly outboxes: readonly Outbox[]
  readonly catalog: SeriesContext['catalog']
  readonly repeats: Repeats
  readonly rejects: Rejects
  readonly lastSeq: SeriesContext['lastSeq']
  /** Asks housekeeping to seal the log up to these positions soon, and to let blocks end there. */
  readonly splitAfter: (ends: readonly Seq[]) => void
}

/** Pause that doubles while nothing changes. Times are monotonic milliseconds. */
class Pause {
  #ms = PAUSE_MS_MIN
  #until = 0

  isOver(now: number): boolean {
    return now >= this.#until
  }

  begin(now: number, changed: boolean): void {
    this.#ms = changed ? PAUSE_MS_MIN : Math.min(this.#ms * 2, PAUSE_MS_MAX)
    this.#until = now + this.#ms
  }

  end(): void {
    this.#ms = PAUSE_MS_MIN
    this.#until = 0
  }
}

/** Keeps the catalog small: removes devices that an operator gives up, and unused series, one slice at a time. */
export class SeriesUpkeep {
  readonly #options: SeriesUpkeepOptions
  readonly #unused: UnusedSeries
  readonly #forget: ForgetDevices
  readonly #searchPause = new Pause()
  readonly #forgetPause = new Pause()
  #task: Task | undefined
  /** There may be forget orders. */
  #mayHaveOrders = true

  constructor(options: SeriesUpkeepOptions) {
    const { retention, catalog, repeats, rejects, lastSeq, outboxes } = options
    const context: SeriesContext = {
      ...retention.context,
      policies: retention.policies,
      catalog,
      repeats,
      rejects,
      lastSeq,
    }
    this.#options = options
    this.#unused = new UnusedSeries(context)
    this.#forget = new ForgetDevices(context, { retention, outboxes, unused: this.#unused })
    this.#split()
  }

  /** In its owner's transaction: orders the removal of the readings that these devices have now. */
  order(order: Omit<Forgetting, 'upTo' | 'rejectsUpTo'>): void {
    this.#forget.order({ ...order, upTo: this.#options.lastSeq() })
    this.#split()
    this.#mayHaveOrders = true
    this.#forgetPause.end()
    this.#searchPause.end()
  }

  /**
   * Runs one slice. @returns whether there is more to do at once. @throws what the disk throws; then the work starts
   * again later.
   */
  step(now: number): boolean {
    this.#task ??= this.#begin(now)
    if (this.#task === undefined) return false
    try {
      if (this.#task.next().done === true) this.#task = undefined
    } catch (failure) {
      this.#task = undefined
      throw failure
    }
    return true
  }

  #begin(now: number): Task | undefined {
    if (this.#mayHaveOrders && this.#forgetPause.isOver(now)) {
      const orders = this.#forget.waiting
      this.#mayHaveOrders = orders.length > 0
      const { sealedUpTo } = this.#options.retention.context.seals
      const ready = orders.filter(({ upTo }) => upTo <= sealedUpTo)
      if (ready.length > 0) return this.#carryOut(ready, now)
    }
    const { seriesCount, deviceCount } = this.#options.catalog()
    const isLarge = Math.max(seriesCount, deviceCount) >= this.#options.settings.seriesMax * SEARCH_FROM
    return isLarge && this.#searchPause.isOver(now) ? this.#search(now) : undefined
  }

  /** An order concerns the readings up to its position, and blocks are removed as a whole. */
  #split(): void {
    this.#options.splitAfter(this.#forget.waiting.map(({ upTo }) => upTo))
  }

  *#carryOut(orders: readonly Forgetting[], now: number): Task {
    for (const order of orders) yield* this.#forget.carryOut(order)
    this.#split()
    this.#forgetPause.begin(now, this.#forget.waiting.length === 0)
  }

  *#search(now: number): Task {
    let removed = 0
    yield* this.#unused.removeAll((count) => {
      removed += count
    })
    this.#searchPause.begin(now, removed > 0)
  }
}
