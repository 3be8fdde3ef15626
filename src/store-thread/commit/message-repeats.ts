import { Reason } from '../../base/flags.ts'
import type { Reading, Verdict } from '../../base/reading.ts'
import { keyOf, type StoredReadings } from '../../store/repeats/stored-readings.ts'
import { mayBeStored, type Series } from '../../store/series/series.ts'
import type { Store } from '../../store/store.ts'

/** How long the index of stored readings is built in one commit (ms); messages that need it wait until it is built. */
const PREPARE_MS = 15

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
  readonly #futureBefore: (number | undefined)[] = []
  readonly #times: Pick<Series, 'newestTs' | 'futureTs'> = { newestTs: 0, futureTs: undefined }
  /** By series, time and value: what was stored before the message, less the repeats found so far. */
  readonly #left = new Map<string, StoredReadings>()

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

  /**
   * Whether a message must wait, because one of its readings may be stored already and the index that tells is not built
   * yet; it is built for some time. Call it before the first reading is stored.
   */
  mustWait(readings: readonly Reading[]): boolean {
    const { intake, lastSeq } = this.#store
    if (intake.repeats.isReady(lastSeq)) return false
    const needsIndex = (reading: Reading): boolean => {
      if (!reading.timed) return false
      const series = intake.catalog.known(reading.device, reading.metric, reading.unit)
      return series !== undefined && (this.#dup || mayBeStored(series, reading.ts))
    }
    return readings.some(needsIndex) && !this.#prepare()
  }

  #prepare(): boolean {
    this.#store.intake.log.flush()
    return this.#store.intake.repeats.prepare(this.#store.lastSeq, PREPARE_MS)
  }

  /** The same for a message with a single reading: call it before the reading is counted. */
  mustWaitFor(series: Series, { ts, timed }: Reading): boolean {
    if (!this.#isSingle || !timed || !(this.#dup || mayBeStored(series, ts))) return false
    return !this.#store.intake.repeats.isReady(this.#store.lastSeq) && !this.#prepare()
  }

  /** Call it once for each reading, before it is stored. */
  isRepeat(series: Series, reading: Reading): boolean {
    const { ts, timed } = reading
    if (!this.#isSingle) {
      const times = this.#timesOf(series)
      if (!timed || !(this.#dup || mayBeStored(times, ts))) return false
    } else if (!timed || !(this.#dup || mayBeStored(series, ts))) return false
    return this.#leftOf(series, reading).take(reading.value, reading.claim)
  }

  /**
   * Whether this reading was stored before the message, once more than equal readings of it that were asked for. Its
   * quality does not matter: the version that stored it may have read that in another way.
   */
  isStored(series: Series, reading: Pick<Reading, 'ts' | 'value'>): boolean {
    return this.#leftOf(series, reading).takeAny()
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
    this.#times.futureTs = this.#futureBefore[id]
    return this.#times
  }

  #leftOf({ id }: Series, { ts, value }: Pick<Reading, 'ts' | 'value'>): StoredReadings {
    const { intake } = this.#store
    intake.log.flush()
    const { kind, key: valueKey } = keyOf(value)
    const key = `${id} ${ts} ${kind} ${Buffer.isBuffer(valueKey) ? valueKey.toString('base64') : valueKey}`
    let left = this.#left.get(key)
    if (left === undefined) {
      left = intake.repeats.stored({ series: id, ts, value }, this.#before)
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
