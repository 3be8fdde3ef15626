import { encode } from 'cborg'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SeqSet } from '../../src/base/ranges.ts'
import { decodeRequest, encodeRequest, REQUEST_RANGES_MAX, type ResendRequest } from '../../src/codec/request.ts'

const range = fc
  .tuple(fc.oneof(fc.integer({ min: 1, max: 2_000 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })), fc.nat())
  .map(([first, more]) => ({ first, last: Math.min(first + more, Number.MAX_SAFE_INTEGER) }))
const requests: fc.Arbitrary<ResendRequest> = fc.record(
  {
    epoch: fc.string({ unit: 'grapheme', maxLength: 60 }),
    ranges: fc.array(range, { minLength: 1, maxLength: REQUEST_RANGES_MAX }).map((all) => [...new SeqSet(all)]),
  },
  { noNullPrototype: true },
)
const apart = (count: number): ResendRequest['ranges'] =>
  Array.from({ length: count }, (_, i) => ({ first: 1 + i * 2, last: 1 + i * 2 }))

describe('a request', () => {
  it('is decoded exactly as it was encoded', () => {
    fc.assert(
      fc.property(requests, (request) => {
        expect(decodeRequest(encodeRequest(request))).toStrictEqual({ ok: true, request })
      }),
    )
  })

  it('never makes the decoder throw or return ranges out of order, whatever its bytes are', () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))
    fc.assert(
      fc.property(requests, fc.array(change, { maxLength: 3 }), fc.uint8Array(), (request, changes, noise) => {
        const bytes = encodeRequest(request)
        for (const [place, byte] of changes) bytes[place % bytes.length] = byte
        const decoded = decodeRequest(bytes)
        if (decoded.ok) {
          let end = 0
          expect(decoded.request.ranges.length).toBeGreaterThan(0)
          for (const { first, last } of decoded.request.ranges) {
            expect(first).toBeGreaterThan(end)
            expect(last).toBeGreaterThanOrEqual(first)
            end = last
          }
        }
        expect(decodeRequest(noise).ok).toBe(false)
        expect(decodeRequest(encodeRequest(request).subarray(0, -1)).ok).toBe(false)
      }),
      { numRuns: 400 },
    )
  })

  it('has a limited number of ranges, when encoded and when decoded', () => {
    const request = { epoch: 'e', ranges: apart(REQUEST_RANGES_MAX) }
    expect(decodeRequest(encodeRequest(request))).toStrictEqual({ ok: true, request })
    expect(() => encodeRequest({ epoch: 'e', ranges: apart(REQUEST_RANGES_MAX + 1) })).toThrow('ranges')
    const many = Array.from({ length: REQUEST_RANGES_MAX + 1 }, () => [1, 0]).flat()
    const refused = { ok: false, reason: `more than ${REQUEST_RANGES_MAX} ranges` }
    expect(decodeRequest(encode([1, 'e', many]))).toStrictEqual(refused)
  })

  it.each<[string, unknown]>([
    ['another version', [2, 'e', [1, 3]]],
    ['no ranges', [1, 'e', []]],
    ['a position of 0', [1, 'e', [0, 3]]],
    ['ranges that overlap', [1, 'e', [1, 3, 0, 2]]],
    ['a range that ends before it begins', [1, 'e', [5, -1]]],
    ['a range without an end', [1, 'e', [1, 3, 2]]],
    ['a range beyond 2^53', [1, 'e', [2 ** 53 - 1, 5]]],
    ['an epoch that is not text', [1, 7, [1, 3]]],
    ['an extra item', [1, 'e', [1, 3], null]],
  ])('is refused with %s', (_, items) => {
    expect(decodeRequest(encode([1, 'e', [1, 3]])).ok).toBe(true)
    expect(decodeRequest(encode(items))).toStrictEqual({ ok: false, reason: expect.any(String) })
    expect(decodeRequest(Buffer.concat([encode([1, 'e', [1, 3]]), Buffer.from([0])])).ok).toBe(false)
  })
})
