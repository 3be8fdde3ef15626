import type { Steps } from '../../base/loop/steps.ts'
import type { Value } from '../../base/reading.ts'
import type { ItemReader } from '../item-reader.ts'
import { Malformed } from '../malformed.ts'
import { readPlaces } from '../places.ts'
import { readVerdicts, type Verdicts } from '../verdicts.ts'
import { intsOf, type Layout, unpack, unpackSums } from './columns.ts'
import { POWERS_OF_TEN, unpackDoubles } from './numbers.ts'

/** Values other than numbers that are read in one step. */
const STEP_VALUES = 16

/** The readings of several series, one series after the other. All columns have the same length. */
export interface RowColumns extends Verdicts {
  readonly layout: Layout
  readonly seq: Float64Array
  readonly ts: Float64Array
  readonly values: Value[]
}

/** Reads the output of `RowPacker`. @throws Malformed */
export function* readRowColumns(cbor: ItemReader, seriesCount: number, readingsMax: number): Steps<RowColumns> {
  const layout = readLayout(cbor, seriesCount, readingsMax)
  cbor.arrayOf(3, 'seq')
  const seq = unpackSums(cbor, layout, 'seq')
  yield
  cbor.arrayOf(3, 'ts')
  const ts = unpackSums(cbor, layout, 'ts')
  yield
  const values = yield* readValues(cbor, layout)
  return { layout, seq, ts, values, ...readVerdicts(cbor, seq.length) }
}

/** Reads the number of readings of each series. @throws Malformed */
export function readLayout(cbor: ItemReader, seriesCount: number, readingsMax: number): Layout {
  const counts = intsOf(cbor, seriesCount, 'counts')
  const starts = new Uint32Array(seriesCount + 1)
  let total = 0
  for (let s = 0; s < seriesCount; s++) {
    if (counts[s]! < 1) throw new Malformed('a series without readings')
    total += counts[s]!
    if (total > readingsMax) throw new Malformed(`more than ${readingsMax} readings`)
    starts[s + 1] = total
  }
  return { seriesCount, starts }
}

function* readValues(cbor: ItemReader, layout: Layout): Steps<Value[]> {
  const values = readNumbers(cbor, layout)
  yield
  readDoubles(cbor, values)
  yield* readOthers(cbor, values)
  return values
}

/** A plain function: V8 does not optimize the loop of a generator that is called only now and then. */
function readNumbers(cbor: ItemReader, layout: Layout): Value[] {
  const { seriesCount, starts } = layout
  cbor.arrayOf(5, 'numbers')
  const numbers = unpack(cbor, layout, 'numbers')
  const exponents = intsOf(cbor, seriesCount, 'exponents')
  const values = new Array<Value>(numbers.length)
  for (let s = 0; s < seriesCount; s++) {
    const power = POWERS_OF_TEN[exponents[s]!]
    if (power === undefined) throw new Malformed(`exponent ${exponents[s]}`)
    for (let i = starts[s]!; i < starts[s + 1]!; i++) values[i] = numbers[i]! / power
  }
  return values
}

function readDoubles(cbor: ItemReader, values: Value[]): void {
  cbor.arrayOf(2, 'doubles')
  const places = readPlaces(cbor, values.length)
  const planes = cbor.byteString('doubles')
  if (planes.length !== places.length * 8) throw new Malformed('the number of doubles does not match their places')
  const doubles = unpackDoubles(planes)
  if (doubles.includes(Number.NaN)) throw new Malformed('NaN')
  for (let k = 0; k < places.length; k++) values[places[k]!] = doubles[k]!
}

function* readOthers(cbor: ItemReader, values: Value[]): Steps<void> {
  cbor.arrayOf(2, 'other values')
  const places = readPlaces(cbor, values.length)
  cbor.arrayOf(places.length, 'other values')
  for (const [k, place] of places.entries()) {
    if (k % STEP_VALUES === 0) yield
    values[place] = cbor.scalar('value')
  }
}

/** @throws Malformed unless the positions of each series are 1 or more and ascending. */
export function checkRising(seq: Float64Array, { seriesCount, starts }: Layout): void {
  for (let s = 0; s < seriesCount; s++) {
    let last = 0
    for (let i = starts[s]!; i < starts[s + 1]!; i++) {
      if (seq[i]! <= last) throw new Malformed('positions do not rise')
      last = seq[i]!
    }
  }
}
