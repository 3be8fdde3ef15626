import { encode } from 'cborg'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { planed, readPlaned } from '../../../src/codec/columns/planes.ts'
import { encodeItem } from '../../../src/codec/item.ts'
import { ItemReader } from '../../../src/codec/item-reader.ts'
import { Malformed } from '../../../src/codec/malformed.ts'

/** Numbers of about the same width, from one byte to more than planes can have. */
const numbers = fc
  .integer({ min: 1, max: 53 })
  .chain((bits) =>
    fc.array(fc.integer({ min: -(2 ** bits) + 1, max: 2 ** bits - 1 }), { minLength: 13, maxLength: 40 }),
  )

/** Nineteen numbers of one byte. */
const NARROW = Array.from({ length: 19 }, (_, i) => i + 1)

const readerOf = (item: unknown): ItemReader => new ItemReader(encode(item))

describe('byte planes', () => {
  it('preserve whole numbers of any width exactly', () => {
    fc.assert(
      fc.property(numbers, (some) => {
        const column = Float64Array.from(some)
        const reader = new ItemReader(encodeItem([planed(column)]))
        reader.arrayOf(1, 'column')
        expect(readPlaned(reader, column.length, 'column')).toStrictEqual(column)
        reader.end()
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    [0, 1],
    [-128, 1],
    [127, 1],
    [128, 2],
    [-(2 ** 31), 4],
    [2 ** 31 - 1, 4],
    [2 ** 31, 5],
    [2 ** 52 - 1, 7],
  ])('use the bytes that the largest number needs for every number: %d needs %d', (number, width) => {
    expect(planed(Float64Array.of(number, ...NARROW))).toHaveLength(20 * width)
  })

  it('begin with the highest bytes of all numbers, in zigzag form', () => {
    const planes = planed(Float64Array.of(-129, ...NARROW))
    expect(planes).toStrictEqual(Uint8Array.of(1, ...NARROW.map(() => 0), 1, ...NARROW.map((number) => 2 * number)))
  })

  it('are not used when a few wide numbers repeat, or when a number is too wide', () => {
    const few = Float64Array.from({ length: 1_000 }, (_, i) => 300_000 * (i % 5))
    const tooWide = Float64Array.of(2 ** 52, ...NARROW)
    expect(planed(few)).toBe(few)
    expect(planed(tooWide)).toBe(tooWide)
    expect(planed(few.map((number) => number / 100_000))).toHaveLength(1_000)
  })

  it('are refused without a whole width, and integers are refused when their count is wrong', () => {
    expect(readPlaned(readerOf(new Uint8Array(4)), 2, 'column')).toStrictEqual(new Float64Array(2))
    for (const item of [new Uint8Array(3), new Uint8Array(0), new Uint8Array(16), [1], [1, 2, 3], 'ab', null]) {
      expect(() => readPlaned(readerOf(item), 2, 'column')).toThrow(Malformed)
    }
    expect(() => readPlaned(readerOf(new Uint8Array(1)), 0, 'column')).toThrow(Malformed)
  })
})
