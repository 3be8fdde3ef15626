/**
 * The nouns of Tidegate. This file imports nothing; every folder may import it.
 * All times are UTC milliseconds since 1970-01-01.
 */

/** One measured value. `null`: the device reported that it has no value (MISSING). NaN never occurs. */
export type Value = number | boolean | string | Uint8Array | null

/** QARTOD primary flag: 1 good, 2 not evaluated, 3 suspect, 4 bad, 9 missing. */
export type Quality = 1 | 2 | 3 | 4 | 9

/** Position of a reading in its edge's log; rises by at least one, never reused within an epoch. */
export type Seq = number

/** A closed interval of log positions, `first` ≤ `last`. */
export interface SeqRange {
  readonly first: Seq
  readonly last: Seq
}

/** A judgement: the flag and the reasons for it (bits of `Reason`). */
export interface Verdict {
  readonly quality: Quality
  readonly reasons: number
}

/** One decoded reading, not judged yet. */
export interface Reading {
  readonly device: string
  readonly metric: string
  /** Unit as the device names it (UCUM or SenML unit), or undefined when it names none. */
  readonly unit: string | undefined
  readonly value: Value
  readonly ts: number
  /** True: `ts` came with the reading. False: `ts` is the time at which it arrived. */
  readonly timed: boolean
  /** What the device itself says about the reading's quality; the judged quality is never better than this. */
  readonly claim: Verdict | undefined
}

/** A reading as it is stored and sent. */
export interface StoredReading {
  readonly seq: Seq
  readonly device: string
  readonly metric: string
  readonly unit: string | undefined
  readonly value: Value
  readonly ts: number
  readonly quality: Quality
  readonly reasons: number
}

/** A changed verdict of a reading that may have been sent already. Verdicts only get worse: bits are added. */
export interface Amendment extends Verdict {
  readonly seq: Seq
}

/** The type of the values of a series, learnt from them (src/quality/kinds.ts). */
export type ValueType = 'number' | 'boolean' | 'text' | 'bytes'

export function valueType(value: Value): ValueType | undefined {
  switch (typeof value) {
    case 'number':
      return 'number'
    case 'boolean':
      return 'boolean'
    case 'string':
      return 'text'
    default:
      return value === null ? undefined : 'bytes'
  }
}
