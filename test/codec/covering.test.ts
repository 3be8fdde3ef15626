import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { decode, encode } from 'cborg'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StoredReading } from '../../src/base/reading.ts'
import { BatchBuilder, decodeBatch, readBatchHead } from '../../src/codec/batch.ts'
import { describePeer, peers } from '../../support/peers.ts'
import { AMPLE, build, buildWith, ORIGIN, open, readingsOf, series, someReadings } from './readings.ts'

const noSeries = (): never => {
  throw new Error('there is no series')
}

/** A batch that covers a range, with items that the test changed. */
function forged(change: (items: unknown[]) => void): Uint8Array {
  const { bytes } = buildWith(new BatchBuilder(ORIGIN), thinned(), { covers: { first: 8, last: 20 } })
  const items = decode(zstdDecompressSync(bytes)) as unknown[]
  change(items)
  return zstdCompressSync(encode(items))
}

/** Positions 10, 11 and 14. */
function thinned(): StoredReading[] {
  return series([1, 2, 3]).map((reading, i) => ({ ...reading, seq: 10 + i * i }))
}

describe('a batch that covers a range', () => {
  it('lists the whole range as its positions, whatever its readings are', () => {
    const builder = new BatchBuilder(ORIGIN)
    const more = fc.tuple(fc.nat(50), fc.nat(50))
    fc.assert(
      fc.property(someReadings, more, (readings, [before, behind]) => {
        const first = Math.max(1, readings[0]!.seq - before)
        const last = readings.at(-1)!.seq + behind
        const batch = open(buildWith(builder, readings, { covers: { first, last } }).bytes)
        expect(batch.ranges).toStrictEqual([{ first, last }])
        expect(batch.count).toBe(readings.length)
        expect(readingsOf(batch)).toStrictEqual(readings)
      }),
      { numRuns: 50 },
    )
  })

  it('may have no readings, which means that the whole range holds none', () => {
    const builder = new BatchBuilder(ORIGIN)
    const built = builder.build(noSeries, { covers: { first: 7, last: 1_000_000 } })
    expect(built).toMatchObject({ ranges: [], count: 0, bySeries: new Map() })
    const batch = open(built.bytes)
    expect(batch).toStrictEqual({ ...ORIGIN, series: [], ranges: [{ first: 7, last: 1_000_000 }], count: 0 })
  })

  it('leaves nothing in its builder for the next batch', () => {
    const builder = new BatchBuilder(ORIGIN)
    builder.build(noSeries, { covers: { first: 7, last: 9 } })
    expect(buildWith(builder, thinned()).bytes).toStrictEqual(build(thinned()).bytes)
  })

  it('needs no explicit range when its own positions give the range', () => {
    const explicit = buildWith(new BatchBuilder(ORIGIN), thinned(), { covers: { first: 10, last: 14 } })
    expect(explicit.bytes).toStrictEqual(buildWith(new BatchBuilder(ORIGIN), thinned(), { covers: true }).bytes)
  })

  it('cannot be built without readings and range, or with a reading outside its range', () => {
    const builder = new BatchBuilder(ORIGIN)
    expect(() => builder.build(noSeries)).toThrow('at least one reading')
    expect(() => builder.build(noSeries, { covers: true })).toThrow('at least one reading')
    for (const covers of [
      { first: 11, last: 20 },
      { first: 1, last: 13 },
      { first: 0, last: 20 },
    ]) {
      expect(() => buildWith(new BatchBuilder(ORIGIN), thinned(), { covers })).toThrow(
        'lie in the range that it covers',
      )
    }
  })

  it.each<[string, (items: unknown[]) => void]>([
    ['begins after its first reading', (items) => items.splice(14, 1, [11, 9])],
    ['ends before its last reading', (items) => items.splice(14, 1, [1, 12])],
    ['begins at 0', (items) => items.splice(14, 1, [0, 20])],
    ['is beyond 2^51', (items) => items.splice(14, 1, [1, 2 ** 51])],
    ['ends before it begins', (items) => items.splice(14, 1, [15, -1])],
    ['has no end', (items) => items.splice(14, 1, [8])],
    ['is in a batch of version 3', (items) => items.splice(0, 1, 3)],
    ['is followed by another item', (items) => items.push(1)],
  ])('is refused when the range %s', (_, change) => {
    expect(
      decodeBatch(
        forged(() => {}),
        AMPLE,
      ).ok,
    ).toBe(true)
    expect(decodeBatch(forged(change), AMPLE)).toStrictEqual({ ok: false, reason: expect.any(String) })
  })

  it('is refused when it has neither readings nor a range', () => {
    const bytes = zstdCompressSync(encode([3, 'e', 'p', 'r', [], [], [], [], ...NO_ROWS]))
    expect(decodeBatch(bytes, AMPLE)).toStrictEqual({ ok: false, reason: 'no readings' })
    const covering = zstdCompressSync(encode([4, 'e', 'p', 'r', [], [], [], [], ...NO_ROWS]))
    expect(decodeBatch(covering, AMPLE)).toStrictEqual({ ok: false, reason: 'no readings' })
    const ranged = zstdCompressSync(encode([4, 'e', 'p', 'r', [], [], [], [], ...NO_ROWS, [5, 4]]))
    expect(decodeBatch(ranged, AMPLE)).toMatchObject({ ok: true, batch: { ranges: [{ first: 5, last: 9 }], count: 0 } })
  })
})

const NONE = new Uint8Array()
const NO_ROWS = [[[], [], NONE], [[], [], NONE], [[], [], NONE, [], []], [[], NONE], [[], []], []]

describePeer('python', 'the Python decoder of docs/', () => {
  it('reads a batch that covers a range, and one without readings', () => {
    const print = (bytes: Uint8Array): string => {
      const script = join(import.meta.dirname, '../../docs/decode_batch.py')
      return execFileSync(peers.python!, [script, '-'], { input: bytes, encoding: 'utf8', timeout: 25_000 })
    }
    const covers = { first: 7, last: 90 }
    const printed = print(buildWith(new BatchBuilder(ORIGIN), thinned(), { covers }).bytes)
    expect(printed.trim().split('\n')).toHaveLength(3)
    expect(print(new BatchBuilder(ORIGIN).build(noSeries, { covers }).bytes)).toBe('')
  })
})

describe('the head of a batch', () => {
  it('gives the origin and the positions, even when the rest of the batch cannot be read', () => {
    fc.assert(
      fc.property(someReadings, (readings) => {
        const { bytes, ranges } = build(readings)
        expect(readBatchHead(bytes, AMPLE)).toStrictEqual({ ...ORIGIN, ranges })
      }),
      { numRuns: 50 },
    )
    const damaged = forged((items) => items.splice(13, 1, 'no verdicts'))
    expect(decodeBatch(damaged, AMPLE).ok).toBe(false)
    const ranges = [
      { first: 10, last: 11 },
      { first: 14, last: 14 },
    ]
    expect(readBatchHead(damaged, AMPLE)).toStrictEqual({ ...ORIGIN, ranges })
  })

  it('is undefined for garbage, for an unknown version and beyond the limits', () => {
    const { bytes } = build(series([1, 2, 3]))
    expect(readBatchHead(Buffer.from('garbage'), AMPLE)).toBeUndefined()
    expect(readBatchHead(bytes.subarray(0, -1), AMPLE)).toBeUndefined()
    expect(
      readBatchHead(
        forged((items) => items.splice(0, 1, 5)),
        AMPLE,
      ),
    ).toBeUndefined()
    expect(readBatchHead(bytes, { ...AMPLE, readingsMax: 2 })).toBeUndefined()
    expect(readBatchHead(bytes, { ...AMPLE, bytesMax: 20 })).toBeUndefined()
  })
})
