import { encode } from 'cborg'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CBOR_DEPTH_MAX, CBOR_ITEMS_MAX } from '../../src/decode/limits.ts'
import { countCborItems, onDevice, onlyValue, onMetric, partialOf, readingsOf, reasonOf } from './support.ts'

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'))

describe('CBOR', () => {
  it.each<[string, Uint8Array, unknown]>([
    ['a half', hex('a1 61 76 f9 3e00'), 1.5],
    ['a double', encode({ value: 0.1 }), 0.1],
    ['minus zero', hex('a1 61 76 f9 8000'), -0],
    ['a boolean', encode({ value: true }), true],
    ['null', encode({ value: null }), null],
    ['a text', encode({ value: 'Größe' }), 'Größe'],
    ['a text with a byte order mark', hex('a1 61 76 64 efbbbf 61'), '\ufeffa'],
    ['bytes', encode({ value: Uint8Array.of(1, 2) }), Uint8Array.of(1, 2)],
    ['an integer beyond 2^53', encode({ value: 2n ** 64n - 1n }), '18446744073709551615'],
    ['an indefinite map', hex('bf 61 76 01 ff'), 1],
    ['a tag', hex('a1 61 76 c1 1a 65535f00'), 1_699_962_624],
    ['a bignum', hex('a1 61 76 c2 49 010000000000000000'), '18446744073709551616'],
    ['a negative bignum', hex('a1 61 76 c3 49 010000000000000000'), '-18446744073709551617'],
    ['a decimal fraction', hex('a1 61 76 c4 82 21 19 6ab3'), 273.15],
    ['a bigfloat', hex('a1 61 76 c5 82 20 03'), 1.5],
    ['NaN, which is no value', hex('a1 61 76 f9 7e00'), null],
    ['infinity, which is no value', hex('a1 61 76 f9 7c00'), null],
    ['undefined, which is no value', hex('a1 61 76 f7'), null],
  ])('can contain %s', (_name, payload, value) => {
    expect(onlyValue(onMetric(payload))).toStrictEqual(value)
  })

  it('accepts the same shapes as JSON', () => {
    expect(readingsOf(onDevice(encode([{ a: 1, ts: 1_700_000_000 }, { b: { c: { v: 2, u: 'V' } } }])))).toEqual([
      { metric: 'a', value: 1, ts: 1_700_000_000_000 },
      { metric: 'b.c', value: 2, unit: 'V' },
    ])
  })

  it('gives the same result as JSON for every object', () => {
    const scalar = fc.oneof(
      fc.integer(),
      fc.boolean(),
      fc.string({ unit: 'grapheme', maxLength: 8 }),
      fc.constant(null),
    )
    const name = fc.oneof(fc.stringMatching(/^[a-z]{1,6}$/), fc.constantFrom('__proto__', 'constructor', 'value', 'ts'))
    const entries = fc.uniqueArray(fc.tuple(name, scalar), { selector: ([key]) => key, minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(entries, (pairs) => {
        // Encoded here, so that `__proto__` is an ordinary key.
        const cbor = Buffer.concat([Uint8Array.of(0xa0 + pairs.length), ...pairs.flat().map((part) => encode(part))])
        const json = `{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join()}}`
        const sorted = ({ ok, ...rest }: ReturnType<typeof onDevice>): unknown => [ok, ok ? rest : undefined]
        expect(sorted(onDevice(cbor))).toEqual(sorted(onDevice(json)))
      }),
      { numRuns: 500 },
    )
  })

  it.each<[string, string]>([
    ['an array as a key', 'a1 80 01'],
    ['text that is not UTF-8', 'a1 61 76 61 ff'],
    ['a break instead of a value', 'bf 61 76 ff ff'],
    ['a break instead of a value, then more', 'bf 61 76 ff 61 61 01 ff'],
    ['a break in a definite array', '82 01 ff'],
    ['bytes after the end', 'a1 61 76 01 00'],
    ['a truncated map', 'a1 61 76'],
    ['an integer in more bytes than it needs', 'a1 61 76 19 0001'],
  ])('is refused with %s', (_name, payload) => {
    expect(reasonOf(onMetric(hex(payload), 'cbor'))).toMatch(/^\$: not CBOR/)
  })

  it('is refused with a value of more than 4,096 bytes', () => {
    expect(onlyValue(onMetric(encode({ v: new Uint8Array(4096) })))).toHaveLength(4096)
    expect(reasonOf(onMetric(encode({ v: new Uint8Array(4097) })))).toMatch(/^\$\.v: a value of 4097 bytes/)
  })

  it('is refused with a reason of limited length', () => {
    let tree: unknown = 'x'.repeat(5_000)
    for (let depth = 0; depth < 11; depth++) tree = { ['x'.repeat(10_000)]: tree }
    expect(reasonOf(onMetric(encode(tree)))).toHaveLength(400)
  })

  it.each<[string, Uint8Array, RegExp, number]>([
    ['arrays in arrays', new Uint8Array(1_000_000).fill(0x81), /nested deeper/, CBOR_DEPTH_MAX + 1],
    ['indefinite arrays in arrays', new Uint8Array(1_000_000).fill(0x9f), /nested deeper/, CBOR_DEPTH_MAX + 1],
    ['maps in maps', Buffer.concat(Array(300_000).fill(hex('a1 61 61'))), /nested deeper/, 2 * CBOR_DEPTH_MAX + 1],
    ['tags in tags', Buffer.concat([hex('81'), new Uint8Array(1_000_000).fill(0xc1)]), /tag not supported/, 2],
    ['an array of 2^53 − 1 announced items', hex('9b 001fffffffffffff 01'), /of 9007199254740991 entries/, 1],
    ['a map of 2^32 − 1 announced entries', hex('ba ffffffff 61 61 01'), /of 4294967295 entries/, 1],
    ['a text of 4 GB announced', hex('a1 61 76 7a ffffffff 61'), /not enough data/, 3],
    ['bytes of 2^64 − 1 announced', hex('a1 61 76 5b ffffffffffffffff 00'), /64-bit integer bytes lengths/, 3],
    [
      'a bignum of 160 kB',
      Buffer.concat([hex('a1 61 76 c2 5a 00027100'), new Uint8Array(160_000).fill(0xff)]),
      /tag not supported/,
      3,
    ],
    [
      'a million items',
      Buffer.concat([hex('9f'), new Uint8Array(1_000_000), hex('ff')]),
      /more than 200000 data items/,
      CBOR_ITEMS_MAX + 1,
    ],
  ])('is refused as soon as it exceeds a limit: %s', (_name, payload, reason, itemsMax) => {
    const { result, items } = countCborItems(() => reasonOf(onMetric(payload, 'cbor')))
    expect(result).toMatch(reason)
    expect(items).toBeLessThanOrEqual(itemsMax)
  })

  it('is refused when it is nested deeper than 64 levels, and up to there only the part below 12 names is lost', () => {
    const nested = (depth: number): Uint8Array =>
      Buffer.concat([hex('a2 62 6f6b 01 61 62'), new Uint8Array(depth - 1).fill(0x81), hex('01')])
    const decoded = onDevice(nested(64))
    expect(readingsOf(decoded)).toEqual([{ metric: 'ok', value: 1 }])
    expect(partialOf(decoded)).toEqual([expect.stringMatching(/^\$\.b(\[0\])+: nested deeper than 12 names$/)])
    expect(reasonOf(onDevice(nested(65)))).toMatch(/nested deeper than 64/)
  })

  it('may have integer keys, which become their digits', () => {
    expect(
      readingsOf(
        onDevice(
          encode(
            new Map([
              [1, 21.5],
              [-2, 40],
            ]),
          ),
          'cbor',
        ),
      ),
    ).toEqual(
      expect.arrayContaining([
        { metric: '1', value: 21.5 },
        { metric: '-2', value: 40 },
      ]),
    )
  })
})

describe('bytes on a route that does not ask for CBOR', () => {
  it.each([
    ['an array of numbers', '82 15 16'],
    ['an empty array', '80'],
    ['an empty map', 'a0'],
    ['an array of texts', '82 61 61 61 62'],
    ['an array that is cut off', '9b 00'],
    ['a map with a number as its key', 'a1 15 16'],
    ['an array of arrays', '81 81 01'],
    ['a byte string', '41 ff'],
    ['bytes that no CBOR begins with', 'ff d8 ff e0'],
    ['Latin-1', '4b fc 68 6c'],
  ])('are a value of bytes, although they could be %s', (_name, payload) => {
    expect(onlyValue(onMetric(hex(payload)))).toStrictEqual(hex(payload))
  })

  it.each([
    ['a map that is cut off', 'a1 61 76'],
    ['a long map that is cut off', 'b9 0001 61 76'],
    ['an array of maps that is cut off', '81 a1 61 76'],
    ['an indefinite array of maps without its end', '9f a1 61 76 01'],
  ])('are refused, not taken for a value, when they are %s', (_name, payload) => {
    expect(reasonOf(onMetric(hex(payload)))).toMatch(/^\$: not CBOR/)
  })

  it('are CBOR when they are a map or an array of maps, however its length is written', () => {
    const entries = Array.from({ length: 300 }, (_one, i) => [`k${i}`, i] as const)
    expect(readingsOf(onDevice(encode(Object.fromEntries(entries))))).toHaveLength(300)
    expect(readingsOf(onDevice(encode(Array(30).fill({ a: 1 }))))).toHaveLength(30)
    expect(readingsOf(onDevice(hex('bf 61 61 01 ff')))).toEqual([{ metric: 'a', value: 1 }])
  })

  it('never become numbers, unless they are a complete map or array of maps with text keys', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 6 }), (payload) => {
        fc.pre(payload[0]! >= 0x80)
        const decoded = onMetric(payload)
        fc.pre(decoded.ok)
        const isRecord = payload.some((byte) => byte >= 0x60 && byte <= 0x7f)
        if (!isRecord) expect(typeof onlyValue(decoded)).not.toBe('number')
      }),
      { numRuns: 2_000 },
    )
  })
})
