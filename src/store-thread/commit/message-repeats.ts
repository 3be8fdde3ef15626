import { Reason } from '../../base/flags.ts'
import type { Reading, Verdict } from '../../base/reading.ts'
import { valueKey } from '../../store/repeats.ts'
import { mayBeStored, type Series } from '../../store/series/series.ts'
import type { Store } from '../../store/store.ts'

/**
 * Finds the readings of a message that are stored already. Only readings that were stored before the message count: two
 * equal elements of one array are two readings, and if the array is sent again, both are repeats.
 *
 * A reading with a time of the device is checked when its publish has the DUP flag, and when it is not newer than its
 * series was before the message: some clients (such as MQTT.js) resend without the flag after a reconnect.
 */
export class MessageRepeats {
  readonly #store: Store
  #message = 0
  #dup = false
  #isSingle = true
  #hasSibling = false
  /** The last position before the message. */
  #before = 0
  /** By series: the last message with a reading of it, and the times of the series before that message. */
  readonly #messageOf: number[] = []
  readonly #newestBefore: number[] = []
  readonly #futureBefore: number[] = []
  readonly #times = { newestTs: 0, futureTs: 0 }
  /** By series and time: how often each value was stored before the message, less the repeats found so far. */
  readonly #left = new Map<string, Map<string, number>>()

  constructor(store: Store) {
    this.#store = store
  }

  /** Call it before the first reading of each message. */
  begin(dup: boolean, readingCount: number): void {
    this.#message++
    this.#dup = dup
    this.#isSingle = readingCount === 1
    this.#hasSibling = false
    this.#before = this.#store.lastSeq
    if (this.#left.size > 0) this.#left.clear()
  }

  /** Call it once for each reading, before it is stored. */
  isRepeat(series: Series, { ts, timed, value }: Reading): boolean {
    const { id } = series
    if (!this.#isSingle) {
      const times = this.#timesOf(series)
      return timed && (this.#dup || mayBeStored(times, ts)) && this.isStored(series, { ts, value })
    }
    if (!timed || !(this.#dup || mayBeStored(series, ts))) return false
    const { intake } = this.#store
    intake.log.flush()
    return intake.repeats.has(id, ts, value, this.#before)
  }

  /** Whether this reading was stored before the message, once more than equal readings of it that were asked for. */
  isStored({ id }: Series, { ts, value }: Pick<Reading, 'ts' | 'value'>): boolean {
    this.#store.intake.log.flush()
    const left = this.#leftAt(id, ts)
    const key = valueKey(value)
    const count = left.get(key) ?? 0
    if (count > 0) left.set(key, count - 1)
    return count > 0
  }

  /** Whether the message had a reading of the same series before the one that `isRepeat` was asked about. */
  get hasSibling(): boolean {
    return this.#hasSibling
  }

  /** The times of a series before the message. */
  #timesOf({ id, newestTs, futureTs }: Series): Pick<Series, 'newestTs' | 'futureTs'> {
    this.#hasSibling = this.#messageOf[id] === this.#message
    if (!this.#hasSibling) {
      this.#messageOf[id] = this.#message
      this.#newestBefore[id] = newestTs
      this.#futureBefore[id] = futureTs
    }
    this.#times.newestTs = this.#newestBefore[id]!
    this.#times.futureTs = this.#futureBefore[id]!
    return this.#times
  }

  #leftAt(series: number, ts: number): Map<string, number> {
    const key = `${series} ${ts}`
    let left = this.#left.get(key)
    if (left === undefined) {
      left = this.#store.intake.repeats.stored(series, ts, this.#before)
      this.#left.set(key, left)
    }
    return left
  }
}

/**
 * The claim of a reading that may be stored already: it keeps its quality, gets the reason DUPLICATE, and so enters no
 * window of the judge.
 */
export function asRepeat(claim: Verdict | undefined): Verdict {
  return { quality: claim?.quality ?? 1, reasons: (claim?.reasons ?? 0) | Reason.DUPLICATE }
}
