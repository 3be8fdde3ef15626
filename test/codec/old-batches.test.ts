import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { decode, encode } from 'cborg'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BatchBuilder, readBatchHead } from '../../src/codec/batch.ts'
import { readPlaned } from '../../src/codec/columns/planes.ts'
import { ItemReader } from '../../src/codec/item-reader.ts'
import { AMPLE, buildWith, ORIGIN, open, readingsOf, series, someReadings } from './readings.ts'

/** The items that have residuals as their third element. */
const COLUMNS = [8, 9, 10]

/** The batch in the form of versions 1 and 2, with residuals as arrays of integers. */
function old(bytes: Uint8Array): Uint8Array {
  const items = decode(zstdDecompressSync(bytes)) as unknown[]
  items[0] = Number(items[0]) - 2
  const [counts] = items.slice(7) as [number[]]
  const residuals = counts.reduce((sum, count) => sum + count - 1, 0)
  for (const at of COLUMNS) {
    const column = items[at] as unknown[]
    column[2] = [...readPlaned(new ItemReader(encode(column[2])), residuals, 'residuals')]
  }
  return zstdCompressSync(encode(items))
}

/** The test vector of version 1. */
const VECTOR = `28b52ffd24b35d0500224a272d80d539734657458226a833886c7babc1dbcab22fcdb29095256450a8b66a9b67ef8cce
4737f8bfd4f37bcb9402b2dd5de09224db3df55aee05711d5f46ff052d645848ceb77cf7cfa86e8a9b3a3955df69cb5b
ec80a8fa6e002b83bc7bf0a1472ec5ee7702f5a1077eb41421799a67fe28c5609e987a189a2f8f5ddf47b1577fe31ad9
917968ae6e03b119c6a828288949443b4cbb5df94eeb55ff04030071118ca46eec88520663a3f7a7`

describe('a batch of an edge that is not yet updated', () => {
  it('is still read correctly', () => {
    const batch = open(Buffer.from(VECTOR.replaceAll(/\s/g, ''), 'hex'))
    expect(batch).toMatchObject({
      ...ORIGIN,
      count: 6,
      ranges: [
        { first: 41, last: 44 },
        { first: 47, last: 48 },
      ],
    })
    expect(readingsOf(batch).map(({ value }) => value)).toStrictEqual([20.5, 'running', 20.25, 0.1 + 0.2, null, 20.75])
  })

  it('decodes to the same content as a batch of the current version, whatever its readings are', () => {
    const builder = new BatchBuilder(ORIGIN)
    fc.assert(
      fc.property(someReadings, (readings) => {
        const { bytes, ranges } = buildWith(builder, readings)
        expect(open(old(bytes))).toStrictEqual(open(bytes))
        expect(readBatchHead(old(bytes), AMPLE)).toStrictEqual({ ...ORIGIN, ranges })
      }),
      { numRuns: 100 },
    )
  })

  it('covers a range like a batch of the current version', () => {
    const covers = { first: 1, last: 90 }
    const { bytes } = buildWith(new BatchBuilder(ORIGIN), series([1, 2, 3]), { covers })
    expect(open(old(bytes))).toStrictEqual(open(bytes))
    expect(open(old(bytes)).ranges).toStrictEqual([covers])
  })
})
