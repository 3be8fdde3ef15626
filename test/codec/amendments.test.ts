import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { encode } from 'cborg'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Quality } from '../../src/base/reading.ts'
import { type Amendments, decodeAmendments, encodeAmendments } from '../../src/codec/amendments.ts'
import { AMPLE } from './readings.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 20 })
const seq = fc.oneof(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }))
const plain = { noNullPrototype: true }
const quality = fc.constantFrom<Quality>(1, 2, 3, 4, 9)
const reasons = fc.oneof(fc.constant(64), fc.integer({ min: 0, max: 0xffff_ffff }))
const items = fc.array(fc.record({ seq, quality, reasons }, plain), { minLength: 1 })
const amendments: fc.Arbitrary<Amendments> = fc
  .record({ edge: text, epoch: text, run: text, first: fc.nat(), more: fc.nat(), items })
  .map(({ more, ...rest }) => ({ ...rest, last: rest.first + more }))

describe('amendments', () => {
  it('are decoded exactly as they were encoded, in any order and with repeats', () => {
    fc.assert(
      fc.property(amendments, (all) => {
        expect(decodeAmendments(encodeAmendments(all), AMPLE)).toStrictEqual({ ok: true, amendments: all })
      }),
    )
  })

  it('never make the decoder throw, whatever the bytes are', () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))
    fc.assert(
      fc.property(amendments, fc.array(change, { maxLength: 3 }), fc.uint8Array(), (all, changes, noise) => {
        const cbor = zstdDecompressSync(encodeAmendments(all))
        for (const [place, byte] of changes) cbor[place % cbor.length] = byte
        const decoded = decodeAmendments(zstdCompressSync(cbor), AMPLE)
        if (decoded.ok) {
          for (const one of decoded.amendments.items) expect([1, 2, 3, 4, 9]).toContain(one.quality)
        }
        expect(decodeAmendments(noise, AMPLE).ok).toBe(false)
        expect(decodeAmendments(zstdCompressSync(noise), AMPLE).ok).toBe(false)
      }),
      { numRuns: 400 },
    )
  })

  it.each([
    ['another version', [2, 'e', 'p', 'r', 1, 1, [7], [3, 64, 1]]],
    ['no item', [1, 'e', 'p', 'r', 1, 1, [], []]],
    ['a last number below the first', [1, 'e', 'p', 'r', 2, 1, [7], [3, 64, 1]]],
    ['a position of 0', [1, 'e', 'p', 'r', 1, 1, [0], [3, 64, 1]]],
    ['a position beyond 2^53', [1, 'e', 'p', 'r', 1, 2, [2 ** 53 - 1, 1], [3, 64, 2]]],
    ['fewer verdicts than positions', [1, 'e', 'p', 'r', 1, 2, [7, 1], [3, 64, 1]]],
  ])('are refused with %s', (_, items) => {
    const good = zstdCompressSync(encode([1, 'e', 'p', 'r', 1, 1, [7], [3, 64, 1]]))
    expect(decodeAmendments(good, AMPLE).ok).toBe(true)
    const refused = { ok: false, reason: expect.any(String) }
    expect(decodeAmendments(zstdCompressSync(encode(items)), AMPLE)).toStrictEqual(refused)
  })

  it('are refused with extra bytes after them', () => {
    const cbor = encode([1, 'e', 'p', 'r', 1, 1, [7], [3, 64, 1]])
    const bytes = zstdCompressSync(Buffer.concat([cbor, Buffer.from([0])]))
    expect(decodeAmendments(bytes, AMPLE)).toStrictEqual({ ok: false, reason: 'bytes after the end' })
  })

  it('are refused beyond the limits', () => {
    const items = Array.from({ length: 101 }, (_, i) => ({ seq: i + 1, quality: 3 as const, reasons: 64 }))
    const bytes = encodeAmendments({ edge: 'e', epoch: 'p', run: 'r', first: 1, last: 101, items })
    const refused = { ok: false, reason: 'more than 100 amendments' }
    expect(decodeAmendments(bytes, { ...AMPLE, readingsMax: 101 }).ok).toBe(true)
    expect(decodeAmendments(bytes, { ...AMPLE, readingsMax: 100 })).toStrictEqual(refused)
    const bomb = zstdCompressSync(Buffer.alloc(50_000_000))
    expect(decodeAmendments(bomb, { readingsMax: 100, bytesMax: 10_000 }).ok).toBe(false)
  })
})
