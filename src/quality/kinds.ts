import { combine, Reason } from '../base/flags.ts'
import type { Amendment, Seq, Value, ValueType, Verdict } from '../base/reading.ts'
import { valueType } from '../base/reading.ts'

/** A series is new for this many values. Their order changes no verdict and no type. */
export const NEW_VALUES = 16
/**
 * The balance of a series counts numbers up and texts down, within these bounds. So a series that has sent only
 * numbers for a long time accepts texts again after this many texts.
 */
export const BALANCE_MAX = 64

/**
 * Which kinds of values a series has. There are two: numbers and booleans (many devices send 1 for true), and texts and
 * bytes. A number or boolean is never of the wrong type. A text is:
 * - in a new series, if there is a number among its first NEW_VALUES values, before or after the text. The receivers
 *   merge verdicts and keep the worse one, so a verdict can only get worse later; a rule that counts which kind is more
 *   frequent would have to withdraw a verdict.
 * - later, while the balance is above 0.
 */
export interface Kinds {
  /** The type of the series as it is stored and shown; undefined: it had no value yet. */
  type: ValueType | undefined
  /** Above 0: a series of numbers. */
  balance: number
  /** What a new series has had; undefined: it is not new any more. */
  first: FirstValues | undefined
}

interface FirstValues {
  numbers: number
  texts: number
  /** The texts that were accepted, while there was no number. */
  readonly accepted: (Verdict & { readonly seq: Seq })[]
}

/** What the catalog stores about the kinds of a series, for a judge that has not seen its values. */
export interface StoredKind {
  /** Undefined: it has no value yet. */
  readonly type: ValueType | undefined
  /** It has had fewer than NEW_VALUES values, or it has numbers and only a replay of its values restores its balance. */
  readonly isNew: boolean
}

/** The kinds of a stored series. A new one counts its values again; its type counts as a value that it has had. */
export function kindsOf({ type, isNew }: StoredKind): Kinds {
  const isNumbers = type !== undefined && isNumeric(type)
  if (isNew) return { type, balance: isNumbers ? 1 : 0, first: { numbers: 0, texts: 0, accepted: [] } }
  return { type, balance: isNumbers ? BALANCE_MAX : -BALANCE_MAX, first: undefined }
}

/** What to store of the kinds, so that a replay of the values restores them. */
export function storedKind({ type, balance, first }: Kinds): StoredKind {
  const isBalanced = type !== undefined && isNumeric(type) && Math.abs(balance) < BALANCE_MAX
  return { type, isNew: first !== undefined || isBalanced }
}

/** Whether a value does not belong to the series, by the values so far. */
export function isOdd({ balance }: Kinds, value: Value): boolean {
  return balance > 0 && typeof value !== 'number' && typeof value !== 'boolean'
}

/** Whether a value changes nothing: a number in a series that has had many. The common case, so it must be cheap. */
export function isLearnt({ balance, type }: Kinds, value: Value): boolean {
  return typeof value === 'number' && balance === BALANCE_MAX && type === 'number'
}

const NONE: readonly Amendment[] = Object.freeze([])

/**
 * Adds a value that is not missing, with its verdict. Returns the worse verdicts of the earlier texts of a new series, at
 * its first number.
 */
export function addKind(kinds: Kinds, seq: Seq, value: Value, verdict: Verdict): readonly Amendment[] {
  const isNumber = typeof value === 'number' || typeof value === 'boolean'
  kinds.type = typeWith(kinds, value)
  const { first } = kinds
  if (first === undefined) {
    if (isNumber && kinds.balance < BALANCE_MAX) kinds.balance++
    else if (!isNumber && kinds.balance > -BALANCE_MAX) kinds.balance--
    return NONE
  }
  if (isNumber) first.numbers++
  else first.texts++
  if (isNumber) kinds.balance = 1
  else if (kinds.balance === 0) first.accepted.push({ seq, ...verdict })
  const odd = isNumber ? first.accepted.splice(0) : []
  if (first.numbers + first.texts >= NEW_VALUES) settle(kinds, first)
  return odd.map((text) => ({ seq: text.seq, ...combine(text, { quality: 4, reasons: Reason.TYPE }) }))
}

/** A series with numbers stays one of numbers at first, however few they were. */
function settle(kinds: Kinds, { numbers, texts }: FirstValues): void {
  kinds.balance = kinds.balance > 0 ? Math.max(1, numbers - texts) : -texts
  kinds.first = undefined
}

/**
 * Corrects the kinds of a stored series that is replayed from the middle of its values: a text without TYPE shows that the
 * balance was not above 0, a text with TYPE that it was. Texts with TYPE among the first values of a series show nothing.
 */
export function alignKind(kinds: Kinds, value: Value, { reasons }: Verdict): void {
  if (typeof value === 'number' || typeof value === 'boolean') return
  const wasOdd = (reasons & Reason.TYPE) !== 0
  if (wasOdd === kinds.balance > 0 || (wasOdd && kinds.first !== undefined)) return
  kinds.balance = Number(wasOdd)
  kinds.first = undefined
}

/** The types in ascending order of precedence. */
const ORDER: readonly ValueType[] = ['bytes', 'text', 'boolean', 'number']

/** The type of the series with one more value. It does not depend on the order of values, as long as the kind stays. */
function typeWith({ type, balance }: Kinds, value: Value): ValueType {
  const own = valueType(value)!
  if (type === undefined) return own
  if (isNumeric(own) === isNumeric(type)) return ORDER.indexOf(own) > ORDER.indexOf(type) ? own : type
  if (isNumeric(own)) return balance >= 0 ? own : type
  return balance <= 1 - BALANCE_MAX ? own : type
}

function isNumeric(type: ValueType): boolean {
  return type === 'number' || type === 'boolean'
}
