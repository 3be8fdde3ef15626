import { COLUMN_ABS_MAX } from './columns.ts'
import { spread } from './spread.ts'

/** 10^0 … 10^22, the powers of ten that a double holds exactly. */
export const POWERS_OF_TEN: readonly number[] = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))

const SAMPLES_MAX = 32
/** Cost of a value stored as a double over a scaled one, in decimal digits. */
const DOUBLE_DIGITS = 24
/** No exponent: the value is not a decimal number of at most 15 digits. */
const NONE = POWERS_OF_TEN.length

/** `value` × 10^`exponent` if that is a whole number from which the same double can be restored; otherwise NaN. */
export function scaled(value: number, exponent: number): number {
  const power = POWERS_OF_TEN[exponent]!
  const whole = Math.round(value * power)
  const exact = whole / power === value && Math.abs(whole) <= COLUMN_ABS_MAX && (whole !== 0 || 1 / value > 0)
  return exact ? whole : Number.NaN
}

/**
 * Chooses the number of decimals that makes a series smallest, judged by a sample. Returns undefined if most of the
 * sample are computed doubles without a decimal form.
 */
export class DecimalChooser {
  readonly #needed = new Uint32Array(NONE + 1)

  choose(values: Float64Array, from: number, to: number): number | undefined {
    const count = Math.min(SAMPLES_MAX, to - from)
    this.#needed.fill(0)
    for (let k = 0; k < count; k++) {
      const value = values[from + spread(k, to - from)]!
      this.#needed[decimalsOf(value)]!++
    }
    return this.#cheapest(count)
  }

  #cheapest(count: number): number | undefined {
    let best: number | undefined
    let bestDigits = Infinity
    let exact = 0
    for (let exponent = 0; exponent < NONE; exponent++) {
      if (this.#needed[exponent] === 0) continue
      exact += this.#needed[exponent]!
      const digits = exponent * exact + DOUBLE_DIGITS * (count - exact)
      if (digits < bestDigits && exact * 2 >= count) {
        best = exponent
        bestDigits = digits
      }
    }
    return best
  }
}

/** The smallest number of decimals that restores the value exactly, or NONE. */
function decimalsOf(value: number): number {
  const magnitude = Math.abs(value)
  for (let exponent = 0; exponent < NONE; exponent++) {
    if (magnitude * POWERS_OF_TEN[exponent]! > COLUMN_ABS_MAX) return NONE
    if (!Number.isNaN(scaled(value, exponent))) return exponent
  }
  return NONE
}

/**
 * The eight bytes of every double, plane by plane, big endian: first the first byte of all values (sign and exponent,
 * which are similar and compress well), then the second byte of all, and so on.
 */
export function packDoubles(values: Float64Array, count: number): Uint8Array {
  const planes = new Uint8Array(count * 8)
  const view = new DataView(new ArrayBuffer(8))
  for (let i = 0; i < count; i++) {
    view.setFloat64(0, values[i]!)
    for (let plane = 0; plane < 8; plane++) planes[plane * count + i] = view.getUint8(plane)
  }
  return planes
}

/** Reads the output of `packDoubles`. The length of `planes` must be a multiple of eight. */
export function unpackDoubles(planes: Uint8Array): Float64Array {
  const values = new Float64Array(planes.length / 8)
  const view = new DataView(new ArrayBuffer(8))
  for (let i = 0; i < values.length; i++) {
    for (let plane = 0; plane < 8; plane++) view.setUint8(plane, planes[plane * values.length + i]!)
    values[i] = view.getFloat64(0)
  }
  return values
}
