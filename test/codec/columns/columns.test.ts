import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { COLUMN_ABS_MAX, type Layout, pack, packSums, unpack, unpackSums } from '../../../src/codec/columns/columns.ts'
import { encodeItem } from '../../../src/codec/item.ts'
import { ItemReader } from '../../../src/codec/item-reader.ts'
import { Malformed } from '../../../src/codec/malformed.ts'

const extreme = fc.constantFrom(COLUMN_ABS_MAX, -COLUMN_ABS_MAX, 0)
const whole = fc.oneof(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -COLUMN_ABS_MAX, max: COLUMN_ABS_MAX }))
const columns = fc.array(fc.array(fc.oneof(whole, extreme), { minLength: 1, maxLength: 30 }), { maxLength: 6 })

function layoutOf(series: readonly number[][]): Layout {
  const starts = [0]
  for (const numbers of series) starts.push(starts.at(-1)! + numbers.length)
  return { seriesCount: series.length, starts: Uint32Array.from(starts) }
}

/** A reader inside the column of one series with two rows. */
function twoRows(head: number, step: number, residual: number): ItemReader {
  const reader = new ItemReader(encodeItem([[head], [step], [residual]]))
  reader.arrayOf(3, 'column')
  return reader
}

describe('a column of whole numbers', () => {
  it('is decoded exactly, over the whole range of numbers', () => {
    fc.assert(
      fc.property(columns, (series) => {
        const layout = layoutOf(series)
        const x = Float64Array.from(series.flat())
        const reader = new ItemReader(encodeItem([...packSums(x, layout), ...pack(x, layout)]))
        reader.arrayOf(7, 'both')
        expect(unpackSums(reader, layout, 'sums')).toStrictEqual(x)
        expect(unpack(reader, layout, 'numbers')).toStrictEqual(x)
        reader.end()
      }),
      { numRuns: 500 },
    )
  })

  it('is refused when a decoded number would not be exact', () => {
    const layout = layoutOf([[0, 0]])
    expect([...unpackSums(twoRows(COLUMN_ABS_MAX - 1, 0, 1), layout, 'ts')]).toStrictEqual([
      COLUMN_ABS_MAX - 1,
      COLUMN_ABS_MAX,
    ])
    for (const [head, step, residual] of [
      [COLUMN_ABS_MAX, 0, 1],
      [-COLUMN_ABS_MAX, -1, 0],
      [COLUMN_ABS_MAX + 1, 0, -1],
    ] as const) {
      expect(() => unpackSums(twoRows(head, step, residual), layout, 'ts')).toThrow(Malformed)
    }
  })

  it('is refused when it has fewer or more numbers than rows', () => {
    for (const rows of [[0], [0, 0, 0]]) {
      expect(() => unpackSums(twoRows(1, 1, 1), layoutOf([rows]), 'ts')).toThrow(Malformed)
    }
  })
})
