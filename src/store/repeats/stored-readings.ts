import { hash } from 'node:crypto'
import { Reason, worse } from '../../base/flags.ts'
import type { Quality, Value, Verdict } from '../../base/reading.ts'

/** Qualities from the best to the worst; 9 is that of a reading without a value. */
const RANKED: readonly Quality[] = [9, 2, 1, 3, 4]
/** The judge lowers no quality without one of these reasons. A device may give them as well. */
const LOWERING =
  Reason.MISSING |
  Reason.TYPE |
  (Reason.RANGE_LO | Reason.RANGE_HI | Reason.WARN_LO | Reason.WARN_HI) |
  (Reason.SPIKE | Reason.RATE | Reason.FLAT | Reason.ATTENUATED | Reason.ANOMALY) |
  (Reason.TIME_FUTURE | Reason.TIME_STALE | Reason.TIME_BACKWARD | Reason.CLOCK_UNSYNCED)

/** Longer texts and bytes are compared by their digest: it takes less memory than they do. */
export const DIGEST_FROM = 16

/** Kinds of values in the index: values of different kinds are different. */
const Kind = { NULL: 0, BOOLEAN: 1, NUMBER: 2, TEXT: 3, BYTES: 4, LONG_TEXT: 5, LONG_BYTES: 6, MINUS_ZERO: 7 } as const

/** SQL for the kind and the key of a column `value` of the log, in which an INTEGER is a boolean. */
export const KIND_OF_VALUE = `CASE typeof(value) WHEN 'real' THEN iif(value = 0 AND CAST(value AS TEXT) LIKE '-%', 7, 2)
  WHEN 'integer' THEN 1 WHEN 'text' THEN iif(octet_length(value) > ${DIGEST_FROM}, 5, 3)
  WHEN 'blob' THEN iif(octet_length(value) > ${DIGEST_FROM}, 6, 4) ELSE 0 END`
export const KEY_OF_VALUE = `CASE WHEN typeof(value) IN ('text', 'blob') AND octet_length(value) > ${DIGEST_FROM}
  THEN value_digest(value) ELSE coalesce(value, 0) END`

/** A value as the index has it. */
export interface ValueKey {
  readonly kind: number
  readonly key: number | bigint | string | Buffer
}

export function digest(value: string | Uint8Array): Buffer {
  return hash('sha256', value, 'buffer').subarray(0, 16)
}

export function keyOf(value: Value): ValueKey {
  if (value === null) return { kind: Kind.NULL, key: 0 }
  if (typeof value === 'boolean') return { kind: Kind.BOOLEAN, key: BigInt(value) }
  if (typeof value === 'number') return { kind: Object.is(value, -0) ? Kind.MINUS_ZERO : Kind.NUMBER, key: value }
  const isText = typeof value === 'string'
  if (Buffer.byteLength(value) > DIGEST_FROM) {
    return { kind: isText ? Kind.LONG_TEXT : Kind.LONG_BYTES, key: digest(value) }
  }
  return isText ? { kind: Kind.TEXT, key: value } : { kind: Kind.BYTES, key: Buffer.from(value) }
}

/** A number for the verdict of a stored reading: its quality, and whether the judge may have lowered it. */
export function verdictKey({ quality, reasons }: Verdict): number {
  return 2 * quality + Number((reasons & LOWERING) !== 0)
}

/** The same in SQL, for the columns of the log. */
export const VERDICT_KEY = `2 * quality + (reasons & ${LOWERING} <> 0)`

/**
 * Readings of one series, time and value that were stored before a message. A reading is a repeat of one of them if the
 * claim may be the same: many devices send the old value with the old time and a bad quality when their source fails, and
 * that is a new reading. The stored quality may be worse than the claim was.
 */
export class StoredReadings {
  readonly #claimed = [0, 0, 0, 0, 0]
  readonly #lowered = [0, 0, 0, 0, 0]

  /** @param key of the verdict of `count` stored readings */
  add(key: number, count: number): void {
    const counts = key % 2 === 0 ? this.#claimed : this.#lowered
    counts[RANKED.indexOf((key >> 1) as Quality)]! += count
  }

  /**
   * Takes away one reading that a reading with this claim repeats; false: there is none.
   * @param claim undefined: none, so the reading is good
   */
  take(value: Value, claim: Verdict | undefined): boolean {
    // The judge gives every reading without a value the quality 9.
    if (value === null) return this.takeAny()
    const rank = RANKED.indexOf(worse(claim?.quality ?? 1, 1))
    if (takeOne(this.#claimed, rank, rank)) return true
    // The least lowered one: the others may be repeated with a worse claim.
    return takeOne(this.#lowered, rank, RANKED.length - 1)
  }

  /** Takes away one reading, whatever its quality is; false: there is none. */
  takeAny(): boolean {
    return takeOne(this.#claimed, 0, RANKED.length - 1) || takeOne(this.#lowered, 0, RANKED.length - 1)
  }
}

function takeOne(counts: number[], from: number, to: number): boolean {
  for (let rank = from; rank <= to; rank++) {
    if (counts[rank]! === 0) continue
    counts[rank]!--
    return true
  }
  return false
}
