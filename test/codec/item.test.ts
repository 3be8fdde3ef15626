import { encode } from 'cborg'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { intsOf } from '../../src/codec/columns/columns.ts'
import { encodeItem, type Item } from '../../src/codec/item.ts'
import { ItemReader } from '../../src/codec/item-reader.ts'
import { Malformed } from '../../src/codec/malformed.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const readerOf = (text: string): ItemReader => new ItemReader(Buffer.from(text, 'hex'))

const INT_MAX = Number.MAX_SAFE_INTEGER
const whole = fc.oneof(fc.integer({ min: -300, max: 300 }), fc.integer(), fc.maxSafeInteger())
const text = fc.string({ unit: 'grapheme', maxLength: 300 })
const bytes = fc.uint8Array({ maxLength: 300 })

describe('a CBOR item', () => {
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
  ])('is written and read for %d as in RFC 8949 Appendix A', (value, expected) => {
    expect(hex(encodeItem(value))).toBe(expected)
    expect(readerOf(expected).int('number')).toBe(value)
  })

  it.each([
    ['', '60'],
    ['IETF', '6449455446'],
    ['"\\', '62225c'],
    ['ü', '62c3bc'],
    ['水', '63e6b0b4'],
    ['𐅑', '64f0908591'],
  ])('is written and read for the text %j as in RFC 8949 Appendix A', (value, expected) => {
    expect(hex(encodeItem(value))).toBe(expected)
    expect(readerOf(expected).text('text')).toBe(value)
  })

  it('has the same bytes as from an independent encoder, and is read as it was written', () => {
    fc.assert(
      fc.property(fc.array(whole), text, bytes, (numbers, word, data) => {
        const cbor = encodeItem([numbers, Float64Array.from(numbers), [], word, data, true, false, null])
        expect(hex(cbor)).toBe(hex(encode([numbers, numbers, [], word, data, true, false, null])))
        const reader = new ItemReader(cbor)
        reader.arrayOf(8, 'all')
        for (let twice = 0; twice < 2; twice++) {
          expect([...intsOf(reader, numbers.length, 'numbers')]).toStrictEqual(numbers)
        }
        reader.arrayOf(0, 'empty')
        expect(reader.scalar('word')).toBe(word)
        expect(reader.scalar('data')).toStrictEqual(data)
        expect([reader.scalar('a'), reader.scalar('b'), reader.scalar('c')]).toStrictEqual([true, false, null])
        reader.end()
      }),
    )
  })

  it('can be a number on either side of every change of length, or the largest number', () => {
    const bounds = [24, 2 ** 8, 2 ** 16, 2 ** 31, 2 ** 32].flatMap((bound) => [bound - 1, bound, -bound, -bound - 1])
    for (const value of [INT_MAX, -INT_MAX, ...bounds]) {
      for (const item of [value, Float64Array.of(value)]) {
        const cbor = encodeItem([item])
        expect(hex(cbor)).toBe(hex(encode([typeof item === 'number' ? value : [value]])))
      }
      expect(new ItemReader(encodeItem(value)).int('number')).toBe(value)
    }
  })

  it('does not change while other items are written, however large they are', () => {
    const items: Item[] = []
    for (let size = 1; size < 100_000; size *= 3) {
      items.push(
        Float64Array.from({ length: size }, (_, i) => i),
        'ü'.repeat(size),
        new Uint8Array(size).fill(7),
      )
    }
    const written = items.map(encodeItem)
    for (const [i, item] of items.entries()) {
      const expected = encode(item instanceof Float64Array ? [...item] : item)
      expect(Buffer.compare(written[i]!, expected)).toBe(0)
    }
  })

  it('has U+FFFD for a lone surrogate in a short or a long text', () => {
    for (const length of [0, 100]) {
      const before = 'x'.repeat(length)
      expect(new ItemReader(encodeItem(`${before}\ud800`)).text('text')).toBe(`${before}\ufffd`)
    }
  })
})

describe('the reader of items', () => {
  it.each([
    ['a number beyond 2^53', '1b0020000000000000'],
    ['a number below -2^53', '3b0020000000000000'],
    ['a number that is not in its shortest form', '1801'],
    ['a number cut short', '1a0001'],
    ['an indefinite length', '9f00ff'],
    ['a break', 'ff'],
    ['a tag', 'c100'],
    ['a float that is a whole number', 'fb3ff0000000000000'],
    ['undefined', 'f7'],
    ['a map', 'a0'],
    ['an array longer than the remaining bytes', '9b00000001000000000000'],
    ['nothing', ''],
  ])('refuses %s', (_, item) => {
    expect(() => readerOf(item).int('number')).toThrow(Malformed)
    expect(() => intsOf(readerOf(`81${item}`), 1, 'numbers')).toThrow(Malformed)
    expect(() => readerOf(item).array('array')).toThrow(Malformed)
    expect(() => readerOf(item).scalar('value')).toThrow(Malformed)
    expect(() => readerOf(item).textOrNull('text')).toThrow(Malformed)
    expect(() => readerOf(item).byteString('bytes')).toThrow(Malformed)
  })

  it('refuses an item of another type than expected', () => {
    expect(() => readerOf('20').uint('number')).toThrow('number expected')
    expect(() => readerOf('f6').text('text')).toThrow('text expected')
    expect(() => readerOf('4100').text('text')).toThrow('text expected')
    expect(() => readerOf('6161').byteString('bytes')).toThrow('bytes expected')
    expect(() => readerOf('80').scalar('value')).toThrow('value expected')
    expect(() => readerOf('00').scalar('value')).toThrow('value expected')
  })

  it('refuses text that is not UTF-8, and strings longer than the remaining bytes', () => {
    expect(() => readerOf('62c328').text('text')).toThrow('not UTF-8')
    expect(() => readerOf('63eda080').text('text')).toThrow('not UTF-8')
    expect(() => readerOf('7a7fffffff41').text('text')).toThrow(Malformed)
    expect(() => readerOf('5a7fffffff41').byteString('bytes')).toThrow(Malformed)
  })

  it('keeps a byte order mark and a replacement character as text', () => {
    for (const word of ['\ufeff', '\ufefftext', '\ufeff\ufeff', '\ufffd', '\ufeffü'.repeat(20)]) {
      expect(new ItemReader(encodeItem(word)).text('text')).toBe(word)
    }
  })

  it('returns byte strings that do not keep the rest of the message in memory', () => {
    const data = new ItemReader(Buffer.from(encodeItem(new Uint8Array(100)))).byteString('bytes')
    expect(data.buffer.byteLength).toBe(100)
  })
})
