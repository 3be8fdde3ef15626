import type { Item } from './item.ts'
import type { ItemReader } from './item-reader.ts'
import { Malformed } from './malformed.ts'

/** Larger numbers have no zigzag form that a double holds; a column with one is an array of integers. */
const PLANED_ABS_MAX = 2 ** 52 - 1
const BYTES_MAX = 7

/**
 * Whole numbers as byte planes: of each its zigzag form (0, −1, 1, −2, … → 0, 1, 2, 3, …) in as few bytes as the largest
 * needs; first the highest byte of all, then the next, …, so that alike bytes stand together. On recorded series
 * blocks are 7 to 15 % smaller than with CBOR's integers. Numbers of 2^52 and more in magnitude come as an array
 * instead.
 */
export function planed(numbers: Float64Array): Item {
  let largest = 0
  for (let i = 0; i < numbers.length; i++) largest = Math.max(largest, Math.abs(numbers[i]!))
  if (largest > PLANED_ABS_MAX) return numbers
  let width = 1
  while (largest * 2 >= 256 ** width) width++
  const planes = new Uint8Array(numbers.length * width)
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i]!
    let rest = number < 0 ? -2 * number - 1 : 2 * number
    for (let plane = width - 1; plane >= 0; plane--) {
      const high = Math.floor(rest / 256)
      planes[plane * numbers.length + i] = rest - high * 256
      rest = high
    }
  }
  return planes
}

/** Reads what `planed` made of so many numbers. @throws Malformed */
export function readPlaned(cbor: ItemReader, count: number, what: string): Float64Array {
  const planes = cbor.bytesOrArray(what)
  if (typeof planes === 'number') {
    if (planes !== count) throw new Malformed(`${what}: ${planes} numbers instead of ${count}`)
    return cbor.ints(count, what)
  }
  const numbers = new Float64Array(count)
  if (count === 0) return numbers
  const width = planes.length / count
  if (!Number.isInteger(width) || width < 1 || width > BYTES_MAX) throw new Malformed(`${what}: planes of no width`)
  for (let plane = 0; plane < width; plane++) {
    const start = plane * count
    for (let i = 0; i < count; i++) numbers[i] = numbers[i]! * 256 + planes[start + i]!
  }
  for (let i = 0; i < count; i++) {
    const half = Math.floor(numbers[i]! / 2)
    numbers[i] = numbers[i]! - half * 2 === 0 ? half : -half - 1
  }
  return numbers
}
