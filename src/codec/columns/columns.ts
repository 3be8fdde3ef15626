import type { ItemReader } from '../item-reader.ts'
import { Malformed } from '../malformed.ts'
import { readPlaned } from './planes.ts'
import { spread } from './spread.ts'

/**
 * Numbers of a column stay below 2^51 in magnitude: second differences then stay below 2^53, and every sum is exact.
 * This range contains any number of 15 decimal digits, and any UTC millisecond up to the year 73,000. A larger number
 * makes a column malformed; larger values are stored as doubles.
 */
export const COLUMN_ABS_MAX = 2 ** 51 - 1

/**
 * A series uses a step of its own only if that saves this many bits; the step costs about two bytes, and two more to
 * return.
 */
const OWN_STEP_BITS_MIN = 24
const SAMPLES_MAX = 15
const TWO_32 = 2 ** 32

/** How a number is predicted: SUM, from the number before it plus the step; LEVEL, from the step alone. */
export const Mode = { LEVEL: 0, SUM: 1 } as const
export type Mode = (typeof Mode)[keyof typeof Mode]

const SUM_ONLY = [Mode.SUM] as const
const SUM_OR_LEVEL = [Mode.SUM, Mode.LEVEL] as const

/** Where the rows of each series are: series s has those from `starts[s]` to before `starts[s + 1]`, at least one. */
export interface Layout {
  readonly seriesCount: number
  readonly starts: Uint32Array
}

/** Predicts the next number of a series; a residual is the difference from the prediction. */
interface Predictor {
  readonly mode: Mode
  readonly step: number
}

/** A column in its wire form; each array is new. */
export type Column = readonly [heads: Float64Array, steps: Float64Array, residuals: Float64Array]
export type ColumnWithModes = readonly [...Column, modes: Float64Array]

/** Packs a column that mostly ascends: every mode is SUM. */
export function packSums(x: Float64Array, layout: Layout): Column {
  const [heads, steps, residuals] = packColumn(x, layout, SUM_ONLY)
  return [heads, steps, residuals]
}

/** Packs a column of any kind. */
export function pack(x: Float64Array, layout: Layout): ColumnWithModes {
  return packColumn(x, layout, SUM_OR_LEVEL)
}

/**
 * Packs one column of whole numbers over all series of a batch. Each series has its first number, the head; a step,
 * which is the usual distance of a number from the one before it, or from 0; and for every number but the first
 *
 *     residual[i] = x[i] − step − (mode is SUM ? x[i − 1] : 0)
 *
 * Heads and steps are stored as distances from series to series, because the series of a batch are similar.
 */
function packColumn(x: Float64Array, { seriesCount, starts }: Layout, allowed: readonly Mode[]): ColumnWithModes {
  const heads = new Float64Array(seriesCount)
  const steps = new Float64Array(seriesCount)
  const residuals = new Float64Array(starts[seriesCount]! - seriesCount)
  const modes = new Float64Array(seriesCount)
  let predictor: Predictor = { mode: Mode.SUM, step: 0 }
  let head = 0
  let end = 0
  for (let s = 0; s < seriesCount; s++) {
    const from = starts[s]!
    const to = starts[s + 1]!
    const { step } = predictor
    if (to - from > 1) predictor = choose(x, from, to, predictor, allowed)
    heads[s] = x[from]! - head
    steps[s] = predictor.step - step
    modes[s] = predictor.mode
    head = x[from]!
    for (let i = from + 1; i < to; i++) residuals[end++] = residual(x, i, predictor)
  }
  return [heads, steps, residuals, modes]
}

/** The predictor of the series before, unless another one gives clearly smaller residuals. */
function choose(x: Float64Array, from: number, to: number, last: Predictor, allowed: readonly Mode[]): Predictor {
  let best = last
  let bestBits = residualBits(x, from, to, last) - OWN_STEP_BITS_MIN
  for (const mode of allowed) {
    const own = { mode, step: usualStep(x, from, to, mode) }
    const bits = residualBits(x, from, to, own)
    if (bits >= bestBits) continue
    best = own
    bestBits = bits
  }
  return best
}

/** The median of a sample of the distances (SUM) or of the numbers (LEVEL). */
function usualStep(x: Float64Array, from: number, to: number, mode: Mode): number {
  const count = Math.min(SAMPLES_MAX, to - from - 1)
  for (let k = 0; k < count; k++) {
    const i = from + 1 + spread(k, to - from - 1)
    const sample = mode === Mode.SUM ? x[i]! - x[i - 1]! : x[i]!
    let at = k
    for (; at > 0 && samples[at - 1]! > sample; at--) samples[at] = samples[at - 1]!
    samples[at] = sample
  }
  return samples[count >>> 1]!
}
const samples = new Float64Array(SAMPLES_MAX)

function residual(x: Float64Array, i: number, { mode, step }: Predictor): number {
  return mode === Mode.SUM ? x[i]! - x[i - 1]! - step : x[i]! - step
}

/** The approximate number of bits in the residuals of one series. */
function residualBits(x: Float64Array, from: number, to: number, predictor: Predictor): number {
  let bits = 0
  for (let i = from + 1; i < to; i++) {
    const distance = Math.abs(residual(x, i, predictor))
    bits += distance < TWO_32 ? 32 - Math.clz32(distance) : 64 - Math.clz32(distance / TWO_32)
  }
  return bits
}

/** Reads the output of `packSums`. @throws Malformed */
export function unpackSums(cbor: ItemReader, layout: Layout, what: string): Float64Array {
  return restore(readPacked(cbor, layout, what), undefined, layout, what)
}

/** Reads the output of `pack`. @throws Malformed */
export function unpack(cbor: ItemReader, layout: Layout, what: string): Float64Array {
  const packed = readPacked(cbor, layout, what)
  const modes = intsOf(cbor, layout.seriesCount, `modes of ${what}`)
  if (modes.some((mode) => mode !== Mode.SUM && mode !== Mode.LEVEL)) throw new Malformed(`${what}: unknown mode`)
  return restore(packed, modes, layout, what)
}

interface Packed {
  readonly heads: Float64Array
  readonly steps: Float64Array
  readonly residuals: Float64Array
}

function readPacked(cbor: ItemReader, { seriesCount, starts }: Layout, what: string): Packed {
  return {
    heads: intsOf(cbor, seriesCount, `heads of ${what}`),
    steps: intsOf(cbor, seriesCount, `steps of ${what}`),
    residuals: readPlaned(cbor, starts[seriesCount]! - seriesCount, what),
  }
}

/** Reads an array of exactly `length` whole numbers. @throws Malformed */
export function intsOf(cbor: ItemReader, length: number, what: string): Float64Array {
  cbor.arrayOf(length, what)
  return cbor.ints(length, what)
}

function restore(packed: Packed, modes: Float64Array | undefined, layout: Layout, what: string): Float64Array {
  const { heads, steps, residuals } = packed
  const { seriesCount, starts } = layout
  const x = new Float64Array(starts[seriesCount]!)
  let head = 0
  let step = 0
  let at = 0
  for (let s = 0; s < seriesCount; s++) {
    head = within(head + heads[s]!, what)
    step += steps[s]!
    const sum = modes === undefined || modes[s] === Mode.SUM
    const to = starts[s + 1]!
    let last = head
    x[starts[s]!] = head
    for (let i = starts[s]! + 1; i < to; i++) {
      const next = residuals[at++]! + step
      last = sum ? last + next : next
      x[i] = last
      if (last > COLUMN_ABS_MAX || last < -COLUMN_ABS_MAX) within(last, what)
    }
  }
  return x
}

function within(value: number, what: string): number {
  if (Math.abs(value) > COLUMN_ABS_MAX) throw new Malformed(`${what}: a number of 2^51 or more`)
  return value
}
