import type { Clock } from '../base/clock.ts'
import type { UplinkSettings } from '../settings/schema/uplink.ts'

type BudgetSettings = UplinkSettings['budget']

/**
 * Over any 5 s at most `burst + 5 × refill` bytes leave: one second's worth and 3.75 seconds' worth. What is left of 5 is for
 * what nobody can hold back: acknowledgements, pings, answers of the far side. A smaller burst would let more through and
 * carry less: a small batch costs more for each of its readings.
 */
const BURST_S = 1
const REFILL = 0.75
/** What new readings find there, whatever the backlog does: a part of the burst. */
const LIVE_PART = 1 / 4
/** The backlog waits until there is room for so large a part of the burst: it packs better. */
const BACKFILL_PART_MIN = 1 / 2
/** A message with less room than this is not worth its envelope (bytes). */
export const MESSAGE_BYTES_MIN = 256
/** A message that waits for room is looked at again at least so often (ms). */
const CONFIG_POLL_MS = 1_000
const MINUTE_MS = 60_000

/** Bytes that crossed the wire, both ways, in the UTC day and month of their names (`2026-11-24`, `2026-11`). */
export interface Spent {
  readonly day: string
  readonly dayBytes: number
  readonly month: string
  readonly monthBytes: number
}

/** Bytes that each lane may send now; 0: none, and it may be asked again after `againMs`. */
export interface Allowance {
  readonly live: number
  readonly backfill: number
  readonly againMs: number
}

/** Monotonic and UTC milliseconds, and the minute of the day where this machine stands (0 … 1439). */
export interface Moment {
  readonly now: number
  readonly utc: number
  readonly minuteOfDay: number
}

export function momentOf(clock: Clock): Moment {
  const utc = clock.now()
  const here = new Date(utc)
  return { now: performance.now(), utc, minuteOfDay: here.getHours() * 60 + here.getMinutes() }
}

/** What the link may still cost. Decides nothing by itself, asks no clock. */
export class Budget {
  readonly #settings: BudgetSettings
  readonly #windows: readonly (readonly [number, number])[]
  readonly #burst: number
  #tokens: number
  #filledAt: number
  #spent: Spent

  constructor(settings: BudgetSettings, spent: Spent | undefined, { now, utc }: Moment) {
    const { bytesPerSecond = Infinity } = settings
    this.#settings = settings
    this.#windows = settings.windows.map((one) => one.split('-').map(minuteOf) as [number, number])
    this.#burst = bytesPerSecond * BURST_S
    this.#tokens = this.#burst
    this.#filledAt = now
    this.#spent = spent ?? { day: dayOf(utc), dayBytes: 0, month: monthOf(utc), monthBytes: 0 }
  }

  /** What was spent, for keeping it across restarts. */
  get spent(): Spent {
    return this.#spent
  }

  /** So many bytes crossed the wire, whoever sent them. */
  spend(bytes: number, moment: Moment): void {
    this.#fill(moment.now)
    this.#tokens -= bytes
    this.#turn(moment.utc)
    const { dayBytes, monthBytes } = this.#spent
    this.#spent = { ...this.#spent, dayBytes: dayBytes + bytes, monthBytes: monthBytes + bytes }
  }

  /**
   * How long (ms) a message of so many bytes waits that cannot be cut smaller. It leaves when what new readings may find is
   * there, and may take more: what follows it waits for that.
   */
  waitMs(bytes: number, moment: Moment): number {
    const { live, againMs } = this.allow(moment)
    const enough = Math.min(bytes, this.#burst * LIVE_PART)
    return live > 0 && live >= enough ? 0 : Math.max(1, Math.min(againMs, CONFIG_POLL_MS))
  }

  /** @param prefer the backlog is owed its share: it may take what is there. */
  allow(moment: Moment, prefer: 'live' | 'backfill' = 'live'): Allowance {
    this.#fill(moment.now)
    this.#turn(moment.utc)
    const left = this.#left()
    const { whenSpent, bytesPerSecond = Infinity } = this.#settings
    const tokens = Math.floor(this.#tokens)
    const live = left > 0 || whenSpent === 'live-only' ? tokens : 0
    const kept = bytesPerSecond === Infinity || prefer === 'backfill' ? 0 : this.#burst * LIVE_PART
    const backfill = left > 0 && this.#isOpen(moment.minuteOfDay) ? Math.floor(Math.min(tokens - kept, left)) : 0
    const lanes = {
      live: worth(Math.min(live, left > 0 ? left : live), MESSAGE_BYTES_MIN),
      backfill: worth(backfill, Math.min(this.#backfillMin, Math.max(left, MESSAGE_BYTES_MIN))),
    }
    return { ...lanes, againMs: this.#againMs(lanes, kept) }
  }

  /** Why the backlog is held back, in words; undefined: it is not. */
  get holds(): string | undefined {
    const { bytesPerDay = Infinity, bytesPerMonth = Infinity, whenSpent } = this.#settings
    const what = whenSpent === 'pause' ? 'nothing is sent' : 'only new readings are sent'
    if (this.#spent.monthBytes >= bytesPerMonth) return `the budget of ${this.#spent.month} is spent: ${what}`
    if (this.#spent.dayBytes >= bytesPerDay) return `the budget of ${this.#spent.day} is spent: ${what}`
    return undefined
  }

  get #backfillMin(): number {
    const { bytesPerSecond } = this.#settings
    return bytesPerSecond === undefined ? MESSAGE_BYTES_MIN : this.#burst * BACKFILL_PART_MIN
  }

  #left(): number {
    const { bytesPerDay = Infinity, bytesPerMonth = Infinity } = this.#settings
    return Math.max(0, Math.min(bytesPerDay - this.#spent.dayBytes, bytesPerMonth - this.#spent.monthBytes))
  }

  #fill(now: number): void {
    const { bytesPerSecond = Infinity } = this.#settings
    const gained = bytesPerSecond === Infinity ? Infinity : ((now - this.#filledAt) / 1_000) * bytesPerSecond * REFILL
    this.#tokens = Math.min(this.#burst, this.#tokens + gained)
    this.#filledAt = now
  }

  #turn(utc: number): void {
    const [day, month] = [dayOf(utc), monthOf(utc)]
    if (day !== this.#spent.day) this.#spent = { ...this.#spent, day, dayBytes: 0 }
    if (month !== this.#spent.month) this.#spent = { ...this.#spent, month, monthBytes: 0 }
  }

  #isOpen(minute: number): boolean {
    if (this.#windows.length === 0) return true
    return this.#windows.some(([from, to]) =>
      from <= to ? from <= minute && minute < to : minute >= from || minute < to,
    )
  }

  /** Until there is enough for both, or, where it is the calendar that holds, until it is worth looking again. */
  #againMs({ live, backfill }: { live: number; backfill: number }, kept: number): number {
    if (live > 0 && backfill > 0) return Infinity
    const { bytesPerSecond = Infinity } = this.#settings
    const short = (live > 0 ? kept + this.#backfillMin : MESSAGE_BYTES_MIN) - this.#tokens
    return short > 0 ? Math.max(1, (short / (bytesPerSecond * REFILL)) * 1_000) : MINUTE_MS
  }
}

function worth(bytes: number, least: number): number {
  return bytes >= least ? bytes : 0
}

function minuteOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number)
  return hours * 60 + minutes
}

function dayOf(utc: number): string {
  return new Date(utc).toISOString().slice(0, 10)
}

function monthOf(utc: number): string {
  return new Date(utc).toISOString().slice(0, 7)
}
