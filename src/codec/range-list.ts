import { assert } from '../base/errors.ts'
import type { SeqRange } from '../base/reading.ts'
import type { ItemReader } from './item-reader.ts'
import { Malformed } from './malformed.ts'

/**
 * Encodes ranges as distances whose running sums are first, last, first, last, …. Ranges must be ascending and
 * disjoint.
 */
export function distancesOf(ranges: readonly SeqRange[], what: string): number[] {
  let end = -1
  return ranges.flatMap(({ first, last }) => {
    assert(first > end && last >= first, `the ranges of a ${what} are ascending and disjoint`)
    const distances = [first - Math.max(end, 0), last - first]
    end = last
    return distances
  })
}

/**
 * Decodes ascending, disjoint ranges of safe integers; more than `rangesMax` are refused before they are read.
 * @throws Malformed
 */
export function readRanges(cbor: ItemReader, rangesMax: number): SeqRange[] {
  const length = cbor.array('ranges')
  if (length > rangesMax * 2) throw new Malformed(`more than ${rangesMax} ranges`)
  return rangesFrom(cbor.ints(length, 'ranges'))
}

function rangesFrom(distances: Float64Array): SeqRange[] {
  if (distances.length % 2 !== 0) throw new Malformed('a range without an end')
  const ranges: SeqRange[] = []
  let end = 0
  for (let k = 0; k < distances.length; k += 2) {
    const first = end + distances[k]!
    const last = first + distances[k + 1]!
    if (distances[k]! < (k === 0 ? 0 : 1) || last < first) throw new Malformed('ranges are not ascending')
    if (last > Number.MAX_SAFE_INTEGER) throw new Malformed('a range beyond 2^53')
    ranges.push({ first, last })
    end = last
  }
  return ranges
}
