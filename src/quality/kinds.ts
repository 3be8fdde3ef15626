import { combine, Reason } from '../base/flags.ts'
import type { Amendment, Seq, Value, ValueType, Verdict } from '../base/reading.ts'
import { valueType } from '../base/reading.ts'

/**
 * The balance of a series counts numbers up and texts down, within these bounds. So a series that has sent numbers for
 * long accepts texts after this many texts more than numbers.
 */
export const BALANCE_MAX = 64
/** Texts of a new series that are amended when its first numbers follow. With more, it is taken for a series of texts. */
export const EARLY_MAX = 8

/**
 * Which kinds of values a series has. There are two: numbers and booleans (many devices send 1 for true), and texts and
 * bytes. A number or boolean is never of the wrong type. A text is, while the series has more numbers than texts. So
 * the first value does not decide: if a new series has at least as many numbers as texts, every order of these values
 * gives each of them the same verdict.
 */
export interface Kinds {
  /** The type of the series as it is stored and shown; undefined: it had no value yet. */
  type: ValueType | undefined
  /** Above 0: a series of numbers. */
  balance: number
  /** Texts that were accepted while the series was new; undefined: it is not new any more. */
  early: (Verdict & { readonly seq: Seq })[] | undefined
}

/** A series with a stored type had many values of that type. */
export function kindsOf(type: ValueType | undefined): Kinds {
  if (type === undefined) return { type, balance: 0, early: [] }
  return { type, balance: isNumeric(type) ? BALANCE_MAX : -BALANCE_MAX, early: undefined }
}

/** Whether a value does not belong to the series, by the values so far. */
export function isOdd({ balance }: Kinds, value: Value): boolean {
  return balance > 0 && typeof value !== 'number' && typeof value !== 'boolean'
}

/** Whether a value teaches nothing new: a number in a series that has had many. The common case, so it must be cheap. */
export function isLearnt({ balance, type }: Kinds, value: Value): boolean {
  return typeof value === 'number' && balance === BALANCE_MAX && type === 'number'
}

const NONE: readonly Amendment[] = Object.freeze([])

/**
 * Adds a value that is not missing, with its verdict. Returns the worse verdicts of earlier texts of a new series that
 * turns out to have numbers.
 */
export function addKind(kinds: Kinds, seq: Seq, value: Value, verdict: Verdict): readonly Amendment[] {
  if (typeof value === 'number' || typeof value === 'boolean') return addNumber(kinds, value)
  addText(kinds, seq, value, verdict)
  return NONE
}

function addNumber(kinds: Kinds, value: number | boolean): readonly Amendment[] {
  if (kinds.balance < BALANCE_MAX) kinds.balance++
  if (kinds.type === undefined || (kinds.balance >= 0 && !isNumeric(kinds.type))) kinds.type = valueType(value)
  // A series with both is a series of numbers, whichever came first.
  if (kinds.type === 'boolean' && typeof value === 'number') kinds.type = 'number'
  const { early } = kinds
  if (early === undefined || kinds.balance < 0) return NONE
  if (early.length === 0 && kinds.balance < EARLY_MAX) return NONE
  kinds.early = kinds.balance < EARLY_MAX ? [] : undefined
  return early.map((text) => ({ seq: text.seq, ...combine(text, { quality: 4, reasons: Reason.TYPE }) }))
}

function addText(kinds: Kinds, seq: Seq, value: Value, { quality, reasons }: Verdict): void {
  const { balance, early } = kinds
  if (balance > -BALANCE_MAX) kinds.balance--
  if (kinds.type === undefined || kinds.balance === -BALANCE_MAX) kinds.type = valueType(value)
  if (early === undefined || balance > 0) return
  if (early.length < EARLY_MAX) early.push({ seq, quality, reasons: reasons >>> 0 })
  else kinds.early = undefined
}

function isNumeric(type: ValueType): boolean {
  return type === 'number' || type === 'boolean'
}
