import { UNIT_CHARS_MAX } from './limits.ts'
import type { Tree } from './tree.ts'

/** A number that was found in a text, and the unit behind it. */
export interface Quantity {
  /** null: the text has a unit, and says that there is no number. */
  readonly value: number | null
  readonly unit: string | undefined
}

const QUANTITY_CHARS_MAX = 64
/** A number with a point or a comma, in whatever spelling, then at most two spaces of any kind and a unit. */
const QUANTITY = /^([+\-\u2212]?)(\d+(?:[.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?[ \u00a0\u2009\u202f]{0,2}(\D.*)?$/
/** What displays and programs print instead of a number, and a unit. */
const NO_NUMBER =
  /^(?:[+-]?(?:nan|inf|infinity)(?=[^\p{L}\d])|-{2,3}\.-{1,2}|-{2,5}|n\/a(?= ))[ \u00a0\u2009\u202f]{0,2}(\S.{0,7})$/iu
/** Letters and signs; a digit only as the exponent of a letter, at the end of a factor. */
const UNIT = /^[\p{L}°%‰′″'"$€£](?:[\p{L}°%‰⁻¹²³]|(?<=[\p{L}^-])[1-4](?=$|[./*·])|[/*·.^-](?!$))*$/u
/** What follows a number without being a unit: exponents without digits, hexadecimal digits, ordinals, times of day. */
const NO_UNIT = /^(?:e|x.*|st|nd|rd|th|am|pm|of)$/i
/** One to three digits, a comma and three digits may be thousands: `1,234`. */
const AMBIGUOUS = /^[1-9]\d{0,2},\d{3}$/
/** An integer of more than 15 digits would be rounded: it is an identifier, not a measurement. */
const IDENTIFIER = /^\d{16}/

/**
 * The number in a text such as `21,5`, `007`, `45%` or `23.4 °C`; undefined: it is not a number, or could be read in two
 * ways.
 */
export function quantityOf(tree: Tree): Quantity | undefined {
  if (typeof tree !== 'string' || tree.length > QUANTITY_CHARS_MAX) return undefined
  const text = tree.replace(/\0+$/, '').trim()
  const parts = QUANTITY.exec(text)
  if (parts === null) {
    const unit = NO_NUMBER.exec(text)?.[1]?.normalize('NFC')
    return unit !== undefined && UNIT.test(unit) ? { value: null, unit } : undefined
  }
  const [, sign = '', digits = '', exponent = '', rest] = parts
  if (AMBIGUOUS.test(digits) || IDENTIFIER.test(digits)) return undefined
  const unit = rest?.normalize('NFC')
  if (unit !== undefined && (unit.length > UNIT_CHARS_MAX || !UNIT.test(unit) || NO_UNIT.test(unit))) return undefined
  const magnitude = Number(`${digits.replace(',', '.')}${exponent}`)
  if (!Number.isFinite(magnitude)) return undefined
  return { value: sign === '' || sign === '+' ? magnitude : -magnitude, unit }
}
