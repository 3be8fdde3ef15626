import type { Clock } from '../base/clock.ts'
import type { UplinkSettings } from '../settings/schema/uplink.ts'

type BudgetSettings = UplinkSettings['budget']

/**
 * Over any 5 s at most `burst + 5 × refill` bytes leave: one second's worth plus 3.75 seconds' worth. The rest of the
 * 5 s is for traffic that cannot be held back: acknowledgements, pings, answers from the broker and the receiver. A
 * smaller burst would allow more bytes in total but carry fewer readings, because a small batch costs more per
 * reading.
 */
const BURST_S = 1
const REFILL = 0.75
/** Part of the burst that is reserved for new readings, whatever the backlog does. */
const LIVE_PART = 1 / 4
/** The backlog waits until this part of the burst is free: larger batches pack better. */
const BACKFILL_PART_MIN = 1 / 2
/** This version did not exist before this day: a clock that shows an earlier one has not been set yet. */
const CLOCK_UNSET_BEFORE = '2026-01-01'
/** A message with less room than this is not worth its overhead (bytes). */
export const MESSAGE_BYTES_MIN = 256
/** How often, at least, the budget is checked again for a config message that waits (milliseconds). */
const CONFIG_POLL_MS = 1_000
const MINUTE_MS = 60_000

/** Bytes on the wire, both directions, in the named UTC day and month (`2026-11-24`, `2026-11`). */
export interface Spent {
  readonly day: string
  readonly dayBytes: number
  readonly month: string
  readonly monthBytes: number
}

/** Bytes that each lane may send now; 0: none until `againMs` milliseconds have passed. */
export interface Allowance {
  readonly live: number
  readonly backfill: number
  readonly againMs: number
}

/** Monotonic and UTC milliseconds, and the minute of the day in this machine's time zone (0 … 1439). */
export interface Moment {
  readonly now: number
  readonly utc: number
  readonly minuteOfDay: number
}

/** @param clocks `steadyClock` counts days and months; `clock` gives the time of the day */
export function momentOf({ clock, steadyClock }: { readonly clock: Clock; readonly steadyClock: Clock }): Moment {
  const here = new Date(clock.now())
  const minuteOfDay = here.getHours() * 60 + here.getMinutes()
  return { now: performance.now(), utc: steadyClock.now(), minuteOfDay }
}

/** What the link may still cost. Pure accounting: it reads no clock. */
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

  /** The link usage, to be stored across restarts. */
  get spent(): Spent {
    return this.#spent
  }

  /** The state for a report: the bytes of this day and month, also if nothing has been sent in them yet. */
  report({ utc }: Moment): { readonly spent: Spent; readonly holds: string | undefined } {
    this.#turn(utc)
    return { spent: this.#spent, holds: this.holds }
  }

  /** This many bytes crossed the wire, whoever sent them. */
  spend(bytes: number, moment: Moment): void {
    this.#fill(moment.now)
    this.#tokens -= bytes
    this.#turn(moment.utc)
    const { dayBytes, monthBytes } = this.#spent
    this.#spent = { ...this.#spent, dayBytes: dayBytes + bytes, monthBytes: monthBytes + bytes }
  }

  /**
   * How long (milliseconds) a message of this many bytes waits that cannot be split. It leaves when the part reserved
   * for new readings is free, even if it needs more; the messages after it wait until the budget has recovered.
   */
  waitMs(bytes: number, moment: Moment): number {
    const { live, againMs } = this.allow(moment)
    const enough = Math.min(bytes, this.#burst * LIVE_PART)
    return live > 0 && live >= enough ? 0 : Math.max(1, Math.min(againMs, CONFIG_POLL_MS))
  }

  /** @param prefer `backfill`: the backlog is owed its share and may use everything that is left */
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

  /** Why the budget holds the backlog back, as text; undefined: it does not. */
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
    const { day: lastDay, month: lastMonth, dayBytes, monthBytes } = this.#spent
    if (day === lastDay && month === lastMonth) return
    // A clock that is set back gives no bytes back, nor does one that is set for the first time.
    const wasUnset = lastDay < CLOCK_UNSET_BEFORE
    this.#spent = {
      day,
      dayBytes: day > lastDay && !wasUnset ? 0 : dayBytes,
      month,
      monthBytes: month > lastMonth && !wasUnset ? 0 : monthBytes,
    }
  }

  #isOpen(minute: number): boolean {
    if (this.#windows.length === 0) return true
    return this.#windows.some(([from, to]) =>
      from <= to ? from <= minute && minute < to : minute >= from || minute < to,
    )
  }

  /** Milliseconds until there is enough for both lanes; if the calendar holds them back, until the next check. */
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
