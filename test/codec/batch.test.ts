import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { decode, encode } from 'cborg'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SeqSet } from '../../src/base/ranges.ts'
import type { Quality, StoredReading } from '../../src/base/reading.ts'
import { BatchBuilder, decodeBatch } from '../../src/codec/batch.ts'
import { CborWriter } from '../../src/codec/cbor-writer.ts'
import { AMPLE, build, buildWith, open, readingsOf, someReadings } from './readings.ts'

const base = { device: 'press-1', metric: 'temperature', unit: 'Cel', quality: 1 as Quality, reasons: 0 }

/** Readings of one good series, one a second. */
function series(values: readonly StoredReading['value'][]): StoredReading[] {
  return values.map((value, i) => ({ ...base, seq: i + 1, ts: 1_750_000_000_000 + i * 1_000, value }))
}

/** Where the items are in the outermost array. */
const ITEM = {
  ...{ devices: 3, metrics: 4, units: 5, counts: 6, seq: 7 },
  ...{ ts: 8, numbers: 9, doubles: 10, others: 11, verdicts: 12 },
} as const

/** The batch of these readings, unpacked, changed by hand and packed again. */
function forged(readings: readonly StoredReading[], change: (cbor: Buffer) => void): Uint8Array {
  const cbor = zstdDecompressSync(build(readings).bytes)
  change(cbor)
  return zstdCompressSync(cbor)
}

describe('a batch', () => {
  it('gives back every reading as it was, bit for bit', () => {
    fc.assert(
      fc.property(someReadings, (readings) => {
        expect(readingsOf(open(build(readings).bytes))).toStrictEqual(readings)
      }),
      { numRuns: 400 },
    )
  })

  it('keeps each of these doubles exactly: -0, subnormal, infinite, 17 digits, beyond 2^53', () => {
    const values = [
      ...[-0, 0, 5e-324, -2.2250738585072014e-308, Infinity, -Infinity, Number.MAX_VALUE, 0.1 + 0.2],
      ...[74.93588199999998, 2 ** 51 - 1, 2 ** 51, -(2 ** 51), 2 ** 53, 2 ** 53 + 2, 1e22, 1e23, -123456789012345],
    ]
    const among = (usual: number): number[] => values.flatMap((value) => [usual, value, usual + 0.25])
    for (const list of [values, among(20.5), among(1e15), ...values.map((value) => [value])]) {
      expect(readingsOf(open(build(series(list)).bytes)).map(({ value }) => value)).toStrictEqual(list)
    }
  })

  it('names exactly the positions of its readings, on both sides', () => {
    fc.assert(
      fc.property(someReadings, (readings) => {
        const { bytes, ranges, count } = build(readings)
        const expected = [...new SeqSet(readings.map(({ seq }) => ({ first: seq, last: seq })))]
        const batch = open(bytes)
        expect(ranges).toStrictEqual(expected)
        expect(batch.ranges).toStrictEqual(expected)
        expect([count, batch.count]).toStrictEqual([readings.length, readings.length])
      }),
    )
  })

  it('carries the edge and the epoch, and counts series and devices', () => {
    const builder = new BatchBuilder('plant-7', 'aB3_')
    const readings = series([1, 2, 3, 4]).map((reading, i) => ({
      ...reading,
      device: i < 3 ? 'a' : 'b',
      metric: `m${i % 2}`,
    }))
    const { bytes, seriesCount, deviceCount } = buildWith(builder, readings)
    expect(open(bytes)).toMatchObject({ edge: 'plant-7', epoch: 'aB3_' })
    expect({ seriesCount, deviceCount }).toStrictEqual({ seriesCount: 3, deviceCount: 2 })
  })

  it('has nothing of the batch before in it', () => {
    const builder = new BatchBuilder('plant-7', 'epoch-1')
    fc.assert(
      fc.property(someReadings, (readings) => {
        expect(buildWith(builder, readings).bytes).toStrictEqual(build(readings).bytes)
        expect(builder.count).toBe(0)
      }),
    )
  })

  it('refuses to be built from positions that do not rise, from no reading, from a time that is no whole number', () => {
    const builder = new BatchBuilder('plant-7', 'epoch-1')
    expect(() => builder.build(() => base)).toThrow('at least one reading')
    builder.add(0, 5, 0, 1, 1, 0)
    expect(() => builder.add(0, 5, 0, 1, 1, 0)).toThrow('rising positions')
    expect(() => builder.add(0, 6, 0.5, 1, 1, 0)).toThrow('whole milliseconds')
    expect(() => builder.add(0, 6, 2 ** 51, 1, 1, 0)).toThrow('whole milliseconds')
  })
})

describe('opening bytes that nobody vouches for', () => {
  it('never throws: any bytes, bare or in a zstd frame', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(decodeBatch(bytes, AMPLE).ok).toBe(false)
        expect(decodeBatch(zstdCompressSync(bytes), AMPLE).ok).toBe(false)
      }),
      { numRuns: 400 },
    )
  })

  it('never throws: a good batch whose content was changed anywhere and packed again', () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))
    fc.assert(
      fc.property(someReadings, fc.array(change, { minLength: 1, maxLength: 3 }), (readings, changes) => {
        const bytes = forged(readings, (cbor) => {
          for (const [place, byte] of changes) cbor[place % cbor.length] = byte
        })
        const decoded = decodeBatch(bytes, AMPLE)
        if (!decoded.ok) {
          expect(decoded.reason).not.toBe('')
          return
        }
        for (const { values, seq, ts, quality, reasons } of decoded.batch.series) {
          const lengths = [values.length, seq.length, ts.length, quality.length, reasons.length]
          expect(new Set(lengths).size).toBe(1)
          expect(values.includes(Number.NaN)).toBe(false)
        }
        expect(new SeqSet(decoded.batch.ranges).count).toBe(decoded.batch.count)
      }),
      { numRuns: 600 },
    )
  })

  it('tells a damaged batch from a good one: no flipped bit becomes another reading', () => {
    const readings = series([20.5, 20.25, null, 1 / 3, 'off', 20.75])
    const { bytes } = build(readings)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Uint8Array.from(bytes)
      damaged[bit >>> 3]! ^= 1 << (bit & 7)
      const decoded = decodeBatch(damaged, AMPLE)
      if (decoded.ok) expect(readingsOf(decoded.batch)).toStrictEqual(readings)
    }
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeBatch(bytes.subarray(0, length), AMPLE).ok).toBe(false)
    }
  })

  it('stops at the limits: a frame that unpacks to too much, a batch of too many readings', () => {
    const bomb = zstdCompressSync(Buffer.alloc(300_000_000))
    expect(bomb.length).toBeLessThan(50_000)
    const before = process.memoryUsage().rss
    const decoded = decodeBatch(bomb, { readingsMax: 1_000, bytesMax: 1_000_000 })
    expect(decoded).toStrictEqual({ ok: false, reason: expect.stringContaining('1000000 bytes') })
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000)
    const { bytes } = build(series(Array.from({ length: 1_001 }, () => 1)))
    expect(decodeBatch(bytes, { ...AMPLE, readingsMax: 1_001 }).ok).toBe(true)
    const refused = { ok: false, reason: 'more than 1000 readings' }
    expect(decodeBatch(bytes, { ...AMPLE, readingsMax: 1_000 })).toStrictEqual(refused)
  })

  it('allocates nothing for a length that the bytes do not back', () => {
    const cbor = new CborWriter()
    cbor.array(13)
    cbor.int(1)
    cbor.text('edge')
    cbor.text('epoch')
    cbor.array(2 ** 40)
    const bytes = zstdCompressSync(cbor.bytes)
    expect(decodeBatch(bytes, AMPLE)).toStrictEqual({ ok: false, reason: 'devices longer than its bytes' })
  })

  it('refuses a version that it does not know by its number', () => {
    const bytes = forged(series([1]), (cbor) => {
      cbor[1] = 2
    })
    expect(decodeBatch(bytes, AMPLE)).toStrictEqual({ ok: false, reason: 'version 2 instead of 1' })
  })

  const NAN_PLANES = Uint8Array.from([0x7f, 0xf8, 0, 0, 0, 0, 0, 0])
  it.each<[string, Partial<Record<keyof typeof ITEM, unknown>>]>([
    ['positions that do not rise', { seq: [[1], [0], [1, 0, 1]] }],
    ['a position of 0', { seq: [[0], [0], [1, 1, 1]] }],
    ['fewer positions than rows', { seq: [[1], [0], [1, 1]] }],
    ['times beyond 2^51', { ts: [[2 ** 51], [0], [0, 0, 0]] }],
    ['a decimal exponent that no double has', { numbers: [[1], [0], [0, 0, 0], [1], [23]] }],
    ['a negative exponent', { numbers: [[1], [0], [0, 0, 0], [1], [-1]] }],
    ['a mode that is neither level nor sum', { numbers: [[1], [0], [0, 0, 0], [2], [0]] }],
    ['NaN', { doubles: [[0], NAN_PLANES] }],
    ['fewer bytes than doubles', { doubles: [[0], NAN_PLANES.subarray(1)] }],
    ['a double outside the batch', { doubles: [[4], new Uint8Array(8)] }],
    [
      'a value outside the batch',
      {
        others: [
          [3, 1],
          [null, null],
        ],
      },
    ],
    [
      'two values for one row',
      {
        others: [
          [1, 0],
          [null, null],
        ],
      },
    ],
    ['a value before the batch', { others: [[-1], [null]] }],
    ['fewer values than places', { others: [[1, 1], [null]] }],
    ['a value that is an array', { others: [[1], [[]]] }],
    ['a quality that QARTOD does not know', { verdicts: [5, 0, 4] }],
    ['reasons of more than 32 bits', { verdicts: [1, 2 ** 32, 4] }],
    ['negative reasons', { verdicts: [1, -1, 4] }],
    ['verdicts for fewer rows', { verdicts: [1, 0, 3] }],
    ['verdicts for more rows', { verdicts: [1, 0, 5] }],
    ['an empty run of verdicts', { verdicts: [1, 0, 4, 1, 0, 0] }],
    ['half a run of verdicts', { verdicts: [1, 0, 4, 1] }],
    [
      'a series without readings',
      {
        ...{ devices: ['a', 'b'], metrics: ['m', 'm'], units: [null, null], counts: [0, 4] },
        ...{
          seq: [
            [1, 0],
            [0, 0],
            [1, 1],
          ],
          ts: [
            [1, 0],
            [0, 0],
            [1, 1],
          ],
        },
        numbers: [
          [1, 0],
          [0, 0],
          [1, 1],
          [1, 1],
          [0, 0],
        ],
      },
    ],
    [
      'no series',
      {
        ...{ devices: [], metrics: [], units: [], counts: [], seq: [[], [], []], ts: [[], [], []] },
        ...{ numbers: [[], [], [], [], []], doubles: [[], new Uint8Array(0)], others: [[], []], verdicts: [] },
      },
    ],
    ['fewer metrics than devices', { metrics: [] }],
    ['fewer counts than series', { counts: [] }],
  ])('refuses %s', (_, change) => {
    const items = decode(zstdDecompressSync(build(series([1, 2, 3, 4])).bytes)) as unknown[]
    expect(decodeBatch(zstdCompressSync(encode(items)), AMPLE).ok).toBe(true)
    for (const [name, value] of Object.entries(change)) items[ITEM[name as keyof typeof ITEM]] = value
    expect(decodeBatch(zstdCompressSync(encode(items)), AMPLE)).toStrictEqual({ ok: false, reason: expect.any(String) })
  })

  it('refuses bytes behind the batch', () => {
    const cbor = zstdDecompressSync(build(series([1])).bytes)
    const bytes = zstdCompressSync(Buffer.concat([cbor, Buffer.from([0])]))
    expect(decodeBatch(bytes, AMPLE)).toStrictEqual({ ok: false, reason: 'bytes after the end' })
  })

  it('refuses one position under two series', () => {
    const readings = series([1, 2]).map((reading, i) => ({ ...reading, device: `d${i}`, seq: i + 7 }))
    const bytes = forged(readings, (cbor) => {
      const heads = cbor.indexOf(Buffer.from([0x83, 0x82, 7, 1]))
      cbor[heads + 3] = 0
    })
    expect(decodeBatch(bytes, AMPLE)).toStrictEqual({ ok: false, reason: 'a position occurs twice' })
  })
})
