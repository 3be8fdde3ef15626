import type { Item } from '../item.ts'
import type { ItemReader } from '../item-reader.ts'
import { Malformed } from '../malformed.ts'
import { spread } from './spread.ts'

const BYTES_MAX = 7
const TWO_32 = 2 ** 32
const SAMPLES = 32
/** A sample with at most this many distinct numbers counts as repetitive. */
const FEW = 12

/**
 * Whole numbers in the form that compresses best. Usually byte planes: each number in zigzag form (0, −1, 1, −2, … → 0,
 * 1, 2, 3, …) in as few bytes as the largest needs; first the highest byte of all numbers, then the next, …, so that
 * similar bytes are adjacent. A plain array is used instead if a few numbers repeat often, because planes would split
 * the repeated number into separate bytes, and if a number is 2^52 or more in magnitude.
 */
export function planed(numbers: Float64Array): Item {
  let largest = 0
  for (let i = 0; i < numbers.length; i++) {
    const zigzag = zigzagOf(numbers[i]!)
    if (zigzag > largest) largest = zigzag
  }
  if (largest > Number.MAX_SAFE_INTEGER || (largest > 255 && areFew(numbers))) return numbers
  let width = 1
  while (largest >= 256 ** width) width++
  const planes = new Uint8Array(numbers.length * width)
  write(numbers, planes, width)
  return planes
}

function zigzagOf(number: number): number {
  return number < 0 ? -2 * number - 1 : 2 * number
}

/** Whether a sample has at most FEW distinct numbers. */
function areFew(numbers: Float64Array): boolean {
  let distinct = 0
  for (let k = 0; k < SAMPLES; k++) {
    const sample = numbers[spread(k, numbers.length)]!
    let at = 0
    while (at < distinct && seen[at] !== sample) at++
    if (at < distinct) continue
    if (distinct === FEW) return false
    seen[distinct++] = sample
  }
  return true
}
const seen = new Float64Array(FEW)

/** Works on two halves of 32 bits, which need no division to be split into bytes. */
function write(numbers: Float64Array, planes: Uint8Array, width: number): void {
  const count = numbers.length
  const highest = (width - 1) * 8
  for (let i = 0; i < count; i++) {
    const zigzag = zigzagOf(numbers[i]!)
    let at = i
    if (highest >= 32) {
      const high = (zigzag / TWO_32) | 0
      for (let shift = highest - 32; shift >= 0; shift -= 8, at += count) planes[at] = high >>> shift
    }
    const low = zigzag | 0
    for (let shift = Math.min(highest, 24); shift >= 0; shift -= 8, at += count) planes[at] = low >>> shift
  }
}

/** Reads the output of `planed` for `count` numbers. @throws Malformed */
export function readPlaned(cbor: ItemReader, count: number, what: string): Float64Array {
  const planes = cbor.bytesOrArray(what)
  if (typeof planes === 'number') {
    if (planes !== count) throw new Malformed(`${what}: ${planes} numbers instead of ${count}`)
    return cbor.ints(count, what)
  }
  if (count === 0 && planes.length === 0) return new Float64Array(0)
  const width = planes.length / count
  if (!Number.isInteger(width) || width < 1 || width > BYTES_MAX)
    throw new Malformed(`${what}: byte planes of an invalid length`)
  return read(planes, count, width)
}

function read(planes: Uint8Array, count: number, width: number): Float64Array {
  const numbers = new Float64Array(count)
  const lowStart = Math.max(0, width - 4) * count
  for (let i = 0; i < count; i++) {
    let at = i
    let high = 0
    for (; at < lowStart; at += count) high = (high << 8) | planes[at]!
    let low = 0
    for (; at < planes.length; at += count) low = (low << 8) | planes[at]!
    const zigzag = high * TWO_32 + (low >>> 0)
    numbers[i] = (low & 1) === 0 ? zigzag / 2 : -(zigzag + 1) / 2
  }
  return numbers
}
