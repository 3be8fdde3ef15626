import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { decode, encode } from 'cborg'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SeqSet } from '../../src/base/ranges.ts'
import type { StoredReading } from '../../src/base/reading.ts'
import { decodeBatch } from '../../src/codec/batch.ts'
import { AMPLE, build, readingsOf, series, someReadings } from './readings.ts'

/** The indexes of the items in the outermost array. */
const ITEM = {
  devices: 4,
  metrics: 5,
  units: 6,
  counts: 7,
  seq: 8,
  ts: 9,
  numbers: 10,
  doubles: 11,
  others: 12,
  verdicts: 13,
} as const

/** The batch of these readings, decompressed, changed and compressed again. */
function forged(readings: readonly StoredReading[], change: (cbor: Buffer) => void): Uint8Array {
  const cbor = zstdDecompressSync(build(readings).bytes)
  change(cbor)
  return zstdCompressSync(cbor)
}

type Items = Partial<Record<keyof typeof ITEM, unknown>>

/** A valid batch of four readings with some items replaced. */
function batchWith(items: Items): Uint8Array {
  const all = decode(zstdDecompressSync(build(series([1, 2, 3, 4])).bytes)) as unknown[]
  for (const [name, item] of Object.entries(items)) all[ITEM[name as keyof typeof ITEM]] = item
  return zstdCompressSync(encode(all))
}

describe('the decoder of batches', () => {
  it('never throws for arbitrary bytes, with or without a zstd frame', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(decodeBatch(bytes, AMPLE).ok).toBe(false)
        expect(decodeBatch(zstdCompressSync(bytes), AMPLE).ok).toBe(false)
      }),
      { numRuns: 400 },
    )
  })

  it('never throws for a valid batch whose content was changed anywhere and compressed again', () => {
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
        const { ranges, count } = decoded.batch
        const positions = new SeqSet(ranges).count
        // A changed version can make it a batch that covers its gaps: one range, with more positions than readings.
        if (ranges.length === 1) expect(positions).toBeGreaterThanOrEqual(count)
        else expect(positions).toBe(count)
      }),
      { numRuns: 600 },
    )
  })

  it('never decodes a different reading from a batch with a flipped bit or a missing end', () => {
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

  it('refuses a frame that decompresses to too many bytes, and a batch of too many readings', () => {
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

  it('refuses an announced length beyond the available bytes', () => {
    const beginning = [1, 'edge', 'epoch', 'run'].map((item) => encode(item))
    for (const header of ['9affffffff', '9b0000010000000000']) {
      const cbor = Buffer.concat([Buffer.from([0x8e]), ...beginning, Buffer.from(header, 'hex')])
      const refused = { ok: false, reason: 'devices longer than its bytes' }
      expect(decodeBatch(zstdCompressSync(cbor), AMPLE)).toStrictEqual(refused)
    }
  })

  it('allocates no memory for a column longer than the limit of readings, however small the message is', () => {
    const long = new Array<number>(3_000_000).fill(0)
    const changes: Items[] = [
      ...[{ devices: long.map(() => '') }, { metrics: long }, { counts: long }, { ts: [long, [0], [0, 0, 0]] }],
      ...[{ seq: [[1], [0], long] }, { numbers: [[1], [0], [0, 0, 0], long, [0]] }, { verdicts: long }],
      ...[{ doubles: [long, new Uint8Array(0)] }, { others: [long, []] }, { others: [[0], long] }],
    ]
    for (const change of changes) {
      const bytes = batchWith(change)
      expect(bytes.length).toBeLessThan(2_000)
      const before = process.memoryUsage()
      expect(decodeBatch(bytes, { ...AMPLE, readingsMax: 1_000 }).ok).toBe(false)
      const after = process.memoryUsage()
      const taken = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers
      expect(taken).toBeLessThan(15_000_000) // the bytes themselves decompress to 3 MB
    }
  })

  it('refuses arrays that are nested a million levels deep', () => {
    const nested = Buffer.alloc(1_000_000, 0x81)
    for (const cbor of [nested, Buffer.concat([Buffer.from([0x8e]), nested])]) {
      expect(decodeBatch(zstdCompressSync(cbor), AMPLE).ok).toBe(false)
    }
  })

  it('refuses an unknown version and names its number', () => {
    for (const version of [0, 5]) {
      const bytes = forged(series([1]), (cbor) => {
        cbor[1] = version
      })
      expect(decodeBatch(bytes, AMPLE)).toStrictEqual({ ok: false, reason: `version ${version} instead of 1 to 4` })
    }
  })

  const NAN_PLANES = Uint8Array.from([0x7f, 0xf8, 0, 0, 0, 0, 0, 0])
  it.each<[string, Items]>([
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
        devices: ['a', 'b'],
        metrics: ['m', 'm'],
        units: [null, null],
        counts: [0, 4],
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
        devices: [],
        metrics: [],
        units: [],
        counts: [],
        seq: [[], [], []],
        ts: [[], [], []],
        numbers: [[], [], [], [], []],
        doubles: [[], new Uint8Array(0)],
        others: [[], []],
        verdicts: [],
      },
    ],
    ['fewer metrics than devices', { metrics: [] }],
    ['fewer counts than series', { counts: [] }],
  ])('refuses %s', (_, change) => {
    expect(decodeBatch(batchWith({}), AMPLE).ok).toBe(true)
    expect(decodeBatch(batchWith(change), AMPLE)).toStrictEqual({ ok: false, reason: expect.any(String) })
  })

  it('refuses extra bytes after the batch', () => {
    const cbor = zstdDecompressSync(build(series([1])).bytes)
    const bytes = zstdCompressSync(Buffer.concat([cbor, Buffer.from([0])]))
    expect(decodeBatch(bytes, AMPLE)).toStrictEqual({ ok: false, reason: 'bytes after the end' })
  })

  it('refuses a position that occurs in two series', () => {
    const readings = series([1, 2]).map((reading, i) => ({ ...reading, device: `d${i}`, seq: i + 7 }))
    const bytes = forged(readings, (cbor) => {
      const heads = cbor.indexOf(Buffer.from([0x83, 0x82, 7, 1]))
      cbor[heads + 3] = 0
    })
    expect(decodeBatch(bytes, AMPLE)).toStrictEqual({ ok: false, reason: 'a position occurs twice' })
  })
})
