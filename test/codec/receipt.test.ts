import { encode } from 'cborg'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SeqSet } from '../../src/base/ranges.ts'
import { decodeReceipt, encodeReceipt, type Receipt, type ReceiptKind } from '../../src/codec/receipt.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 60 })
const range = fc
  .tuple(fc.oneof(fc.nat(2_000), fc.maxSafeNat()), fc.oneof(fc.nat(5), fc.nat()))
  .map(([first, more]) => ({ first, last: Math.min(first + more, Number.MAX_SAFE_INTEGER) }))
const fields = {
  epoch: text,
  run: text,
  kind: fc.constantFrom<ReceiptKind>('stored', 'rejected', 'forked', 'amended'),
  ranges: fc.array(range, { maxLength: 20 }).map((all) => [...new SeqSet(all)]),
  high: fc.maxSafeNat(),
  reason: fc.option(text, { nil: undefined }),
}
const receipts: fc.Arbitrary<Receipt> = fc.record(fields, { noNullPrototype: true })

describe('a receipt', () => {
  it('is decoded exactly as it was encoded', () => {
    fc.assert(
      fc.property(receipts, (receipt) => {
        expect(decodeReceipt(encodeReceipt(receipt))).toStrictEqual({ ok: true, receipt })
      }),
    )
  })

  it('of one range takes at most 50 bytes, the memory behind it included', () => {
    const receipt: Receipt = {
      epoch: 'aB3_dEfGhI12',
      run: 'Zy9-xWvUtS87',
      kind: 'stored',
      ranges: [{ first: 1_000_000_000, last: 1_000_017_000 }],
      high: 1_000_017_000,
      reason: undefined,
    }
    expect(encodeReceipt(receipt).buffer.byteLength).toBeLessThanOrEqual(50)
  })

  it('cannot be encoded with ranges that overlap or are out of order', () => {
    const receipt: Receipt = { epoch: 'e', run: 'r', kind: 'stored', ranges: [], high: 9, reason: undefined }
    for (const ranges of [
      [
        { first: 5, last: 6 },
        { first: 1, last: 2 },
      ],
      [
        { first: 1, last: 4 },
        { first: 4, last: 5 },
      ],
      [{ first: 2, last: 1 }],
    ]) {
      expect(() => encodeReceipt({ ...receipt, ranges })).toThrow('ascending and disjoint')
    }
  })

  it('never makes the decoder throw or return overlapping ranges, whatever its bytes are', () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))
    fc.assert(
      fc.property(receipts, fc.array(change, { maxLength: 3 }), fc.uint8Array(), (receipt, changes, noise) => {
        const bytes = encodeReceipt(receipt)
        for (const [place, byte] of changes) bytes[place % bytes.length] = byte
        const decoded = decodeReceipt(bytes)
        if (decoded.ok) {
          let end = -1
          for (const { first, last } of decoded.receipt.ranges) {
            expect(first).toBeGreaterThan(end)
            expect(last).toBeGreaterThanOrEqual(first)
            end = last
          }
        }
        expect(decodeReceipt(noise)).toHaveProperty('ok')
        expect(decodeReceipt(encodeReceipt(receipt).subarray(0, -1)).ok).toBe(false)
      }),
      { numRuns: 400 },
    )
  })

  it.each([
    ['ranges that overlap', [1, 3, 0, 2]],
    ['ranges that descend', [5, 1, -4, 1]],
    ['a range that ends before it begins', [5, -1]],
    ['a position below 0', [-1, 1]],
    ['a range without an end', [1, 3, 2]],
    ['a range beyond 2^53', [2 ** 53 - 1, 5]],
  ])('is refused with %s', (_, ranges) => {
    const bytes = encode([1, 'e', 'r', 'stored', ranges, 9, null])
    expect(decodeReceipt(encode([1, 'e', 'r', 'stored', [1, 3], 9, null])).ok).toBe(true)
    expect(decodeReceipt(bytes)).toStrictEqual({ ok: false, reason: expect.any(String) })
  })

  it('is refused with extra bytes after it', () => {
    const bytes = encodeReceipt({ epoch: 'e', run: 'r', kind: 'stored', ranges: [], high: 0, reason: undefined })
    expect(decodeReceipt(Buffer.concat([bytes, Buffer.from([0])])).ok).toBe(false)
  })

  it('is refused when its version or its kind is unknown', () => {
    const bytes = encodeReceipt({ epoch: 'e', run: 'r', kind: 'stored', ranges: [], high: 0, reason: undefined })
    const other = Buffer.from(bytes)
    other[1] = 2
    expect(decodeReceipt(other)).toStrictEqual({ ok: false, reason: 'version 2 instead of 1' })
    const unknown = Buffer.from(bytes)
    unknown.write('scored', unknown.indexOf('stored'))
    expect(decodeReceipt(unknown)).toStrictEqual({ ok: false, reason: 'unknown kind' })
  })
})
