import { decode } from 'cborg'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CborReader, Malformed } from '../../src/codec/cbor-reader.ts'
import { CborWriter } from '../../src/codec/cbor-writer.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const readerOf = (text: string): CborReader => new CborReader(Buffer.from(text, 'hex'))

function written(write: (cbor: CborWriter) => void): Uint8Array {
  const cbor = new CborWriter()
  write(cbor)
  return cbor.bytes
}

const INT_MAX = 2 ** 53 - 1
const whole = fc.oneof(fc.integer({ min: -300, max: 300 }), fc.integer(), fc.maxSafeInteger())

describe('CBOR', () => {
  it.each([
    [0, '00'],
    [23, '17'],
    [24, '1818'],
    [100, '1864'],
    [1000, '1903e8'],
    [1000000, '1a000f4240'],
    [1000000000000, '1b000000e8d4a51000'],
    [-1, '20'],
    [-10, '29'],
    [-100, '3863'],
    [-1000, '3903e7'],
  ])('writes and reads %d as RFC 8949 Appendix A has it', (value, expected) => {
    expect(hex(written((cbor) => cbor.int(value)))).toBe(expected)
    expect(readerOf(expected).int('number')).toBe(value)
  })

  it.each([
    ['', '60'],
    ['IETF', '6449455446'],
    ['"\\', '62225c'],
    ['ü', '62c3bc'],
    ['水', '63e6b0b4'],
    ['𐅑', '64f0908591'],
  ])('writes and reads the text %j as RFC 8949 Appendix A has it', (value, expected) => {
    expect(hex(written((cbor) => cbor.text(value)))).toBe(expected)
    expect(readerOf(expected).text('text')).toBe(value)
  })

  it('is read alike by a decoder of others, in its shortest form', () => {
    const strict = { strict: true, allowIndefinite: false }
    const bytes = fc.uint8Array({ maxLength: 300 })
    fc.assert(
      fc.property(fc.array(whole), fc.string({ unit: 'grapheme', maxLength: 300 }), bytes, (ints, text, data) => {
        const cbor = written((writer) => {
          writer.array(6)
          writer.ints(ints)
          writer.text(text)
          writer.byteString(data)
          writer.boolean(true)
          writer.boolean(false)
          writer.null()
        })
        expect(decode(cbor, strict)).toStrictEqual([ints, text, data, true, false, null])
        const reader = new CborReader(cbor)
        reader.arrayOf(6, 'all')
        expect([...reader.ints('ints')]).toStrictEqual(ints)
        expect(reader.scalar('text')).toBe(text)
        expect(reader.scalar('data')).toStrictEqual(data)
        expect([reader.scalar('a'), reader.scalar('b'), reader.scalar('c')]).toStrictEqual([true, false, null])
        reader.end()
      }),
    )
  })

  it('keeps what it has written when its buffer grows', () => {
    const cbor = written((writer) => {
      for (let i = 0; i < 50_000; i++) writer.int(i)
    })
    const reader = new CborReader(cbor)
    for (let i = 0; i < 50_000; i++) expect(reader.int('number')).toBe(i)
  })

  it.each([
    ['a number beyond 2^53', '1b0020000000000000'],
    ['a number cut short', '1a0001'],
    ['an indefinite length', '9f00ff'],
    ['a tag', 'c100'],
    ['a float', 'fb3ff0000000000000'],
    ['a map', 'a0'],
    ['an array longer than its bytes', '9b00000001000000000000'],
    ['nothing', ''],
  ])('refuses %s', (_, bytes) => {
    expect(() => readerOf(bytes).int('number')).toThrow(Malformed)
    expect(() => readerOf(bytes).ints('numbers')).toThrow(Malformed)
    expect(() => readerOf(bytes).scalar('value')).toThrow(Malformed)
  })

  it('refuses text that is not UTF-8 and strings longer than their bytes', () => {
    expect(() => readerOf('62c328').text('text')).toThrow('not UTF-8')
    expect(() => readerOf('7a7fffffff41').text('text')).toThrow('longer than its bytes')
    expect(() => readerOf('5a7fffffff41').byteString('bytes')).toThrow('longer than its bytes')
  })

  it('reads the numbers on both sides of every change of length, and the largest', () => {
    const bounds = [24, 2 ** 8, 2 ** 16, 2 ** 32].flatMap((bound) => [bound - 1, bound, -bound, -bound - 1])
    for (const value of [INT_MAX, -INT_MAX, -INT_MAX - 1, ...bounds]) {
      expect(new CborReader(written((cbor) => cbor.int(value))).int('number')).toBe(value)
    }
  })
})
