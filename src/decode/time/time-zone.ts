import { fixedOffsetMinutes } from '../../settings/schema/time-zone.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
/** Every zone keeps its offset for longer than this (Morocco's month of Ramadan is the shortest). */
const SAMPLE_MS = 7 * DAY_MS

/** A local time as UTC milliseconds. */
export interface LocalReading {
  readonly ms: number
  /** False: the zone has this local time twice or not at all, and the arrival does not tell which one it is. */
  readonly certain: boolean
}

/** From this time on (UTC milliseconds) the zone has this offset (milliseconds east of UTC). */
interface Stretch {
  readonly from: number
  readonly offsetMs: number
}

/**
 * A time zone with its rules for summer time. The offsets of a year are computed once, at the first time in that year:
 * `Intl` takes microseconds for one time, and is not asked again.
 */
export class TimeZone {
  readonly #offsetAt: (ms: number) => number
  readonly #years = new Map<number, readonly Stretch[]>()

  /** @param name a valid zone of the settings */
  constructor(name: string) {
    const fixed = fixedOffsetMinutes(name)
    this.#offsetAt = fixed === undefined ? intlOffset(name) : () => fixed * MINUTE_MS
  }

  /** Milliseconds east of UTC at a time. */
  offsetMs(ms: number): number {
    const year = new Date(ms).getUTCFullYear()
    let stretches = this.#years.get(year)
    if (stretches === undefined) {
      stretches = this.#stretchesOf(year)
      this.#years.set(year, stretches)
    }
    return stretches.findLast(({ from }) => from <= ms)!.offsetMs
  }

  /**
   * The UTC time of a local time. When clocks are set back, a local time occurs twice: it is the second one if that is
   * not after the arrival, otherwise the first. When clocks are set forward, the skipped hour is read with the offset
   * from before.
   * @param localMs the local time as if it were UTC
   * @param latestMs the reading cannot be later than this, UTC milliseconds
   */
  toUtc(localMs: number, latestMs: number): LocalReading {
    const before = this.offsetMs(localMs - DAY_MS)
    const after = this.offsetMs(localMs + DAY_MS)
    const first = localMs - before
    if (before === after) return { ms: first, certain: true }
    const second = localMs - after
    const isFirst = this.offsetMs(first) === before
    const isSecond = this.offsetMs(second) === after
    if (isFirst && isSecond) return second > latestMs ? { ms: first, certain: true } : { ms: second, certain: false }
    return isSecond ? { ms: second, certain: true } : { ms: first, certain: isFirst }
  }

  #stretchesOf(year: number): readonly Stretch[] {
    const end = Date.UTC(year + 1, 0, 1)
    let from = Date.UTC(year, 0, 1)
    let offsetMs = this.#offsetAt(from)
    const stretches: Stretch[] = [{ from, offsetMs }]
    while (from < end) {
      const next = Math.min(from + SAMPLE_MS, end)
      const later = this.#offsetAt(next)
      if (later !== offsetMs) stretches.push({ from: this.#changeBetween(from, next), offsetMs: later })
      offsetMs = later
      from = next
    }
    return stretches
  }

  /** The first minute with the offset of `to`, in an interval in which the offset changes once. */
  #changeBetween(from: number, to: number): number {
    const before = this.#offsetAt(from)
    let [low, high] = [from, to]
    while (high - low > MINUTE_MS) {
      const middle = low + Math.floor((high - low) / 2 / MINUTE_MS) * MINUTE_MS
      if (this.#offsetAt(middle) === before) low = middle
      else high = middle
    }
    return high
  }
}

function intlOffset(name: string): (ms: number) => number {
  const format = new Intl.DateTimeFormat('en', { timeZone: name, timeZoneName: 'longOffset' })
  return (ms) => {
    const shown = format.formatToParts(ms).find(({ type }) => type === 'timeZoneName')?.value ?? ''
    return (fixedOffsetMinutes(shown.replace(/^(?:GMT|UTC)(?=.)/, '')) ?? 0) * MINUTE_MS
  }
}

const zones = new Map<string, TimeZone>()

/** The zone of this name; there are as many as the routes name. */
export function zoneNamed(name: string): TimeZone {
  let zone = zones.get(name)
  if (zone === undefined) {
    zone = new TimeZone(name)
    zones.set(name, zone)
  }
  return zone
}
