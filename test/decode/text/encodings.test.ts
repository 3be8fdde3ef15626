import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { READINGS_PER_MESSAGE_MAX } from '../../../src/decode/limits.ts'
import { bytes, onDevice, onlyValue, onMetric, readingsOf, reasonOf } from '../support.ts'

describe('objects on separate lines (NDJSON)', () => {
  it('are read like the elements of an array', () => {
    const line = (a: number): string => JSON.stringify({ a, ts: 1_700_000_000 + a })
    const expected = [1, 2].map((a) => ({ metric: 'a', value: a, ts: (1_700_000_000 + a) * 1_000 }))
    for (const text of [
      `${line(1)}\n${line(2)}`,
      `${line(1)}\r\n\n ${line(2)}\n\0`,
      `\ufeff${line(1)}\n${line(2)}\n`,
    ]) {
      expect(readingsOf(onDevice(text))).toEqual(expected)
      expect(readingsOf(onDevice(text, 'json'))).toEqual(expected)
    }
    expect(readingsOf(onDevice('{"a":1}\n{"a":NaN}'))).toEqual([1, null].map((value) => ({ metric: 'a', value })))
  })

  it.each(['{"a":1}{"a":2}', '{"a":1}\n{"a":2}{"a":3}', '{"a":1} [2]'])('are refused on one line: %j', (text) => {
    expect(reasonOf(onDevice(text))).toMatch(/^\$: not JSON: several JSON values/)
  })

  it('are refused if one of them is broken, or if they are too many', () => {
    expect(reasonOf(onDevice('{"a":1}\n{"a":'))).toMatch(/^\$: not JSON/)
    expect(reasonOf(onDevice('{"a":1}\n'.repeat(READINGS_PER_MESSAGE_MAX + 1)))).toMatch(/more than 10000 lines/)
  })
})

describe('text in UTF-16', () => {
  it('is refused with a reason that says so', () => {
    const text = '{"a":1}'
    const little = Buffer.from(text, 'utf16le')
    const big = Buffer.from(little).swap16()
    for (const raw of [little, big, Buffer.from([0xff, 0xfe, ...little]), Buffer.from([0xfe, 0xff, ...big])]) {
      expect(reasonOf(onDevice(raw))).toMatch(/UTF-16/)
      expect(reasonOf(onMetric(raw))).toMatch(/UTF-16/)
      expect(reasonOf(onDevice(raw, 'json'))).toMatch(/UTF-16/)
    }
  })

  it('is not found in other bytes', () => {
    for (const raw of [
      [0xff, 0xfe],
      [0xff, 0xfe, 0x01, 0x02],
      [0xff, 0xfe, 0x41],
    ]) {
      expect(onlyValue(onMetric(Uint8Array.from(raw)))).toStrictEqual(Uint8Array.from(raw))
    }
  })
})

describe('MessagePack', () => {
  it('is refused with a reason that says so', () => {
    const key = (name: string): number[] => [0xa0 + name.length, ...bytes(name)]
    const maps = [
      [0x81, ...key('temp'), 0xcb, 0x40, 0x35, 0x80, 0, 0, 0, 0, 0],
      [0x82, ...key('a'), 1, ...key('b'), 2],
      [0x91, 0x81, ...key('temp'), 21],
      [0xde, 0, 1, ...key('temp'), 21],
      [0xdc, 0, 1, 0x81, ...key('temp'), 21],
      [0x81, 0xd9, 4, ...bytes('temp'), 21],
    ]
    for (const map of maps) {
      expect(reasonOf(onDevice(Uint8Array.from(map)))).toMatch(/MessagePack/)
      expect(reasonOf(onMetric(Uint8Array.from(map)))).toMatch(/MessagePack/)
    }
    expect(reasonOf(onDevice(Uint8Array.from(maps[0]!), 'cbor'))).toMatch(/MessagePack/)
  })

  it('is not found in CBOR', () => {
    expect(readingsOf(onDevice(Uint8Array.from([0xa1, 0x64, ...bytes('temp'), 0x15])))).toEqual([
      { metric: 'temp', value: 21 },
    ])
  })

  it('and UTF-16 are never found in JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{2,4}_$/), fc.integer(), { minKeys: 1 }), (group) => {
        expect(readingsOf(onDevice(JSON.stringify(group)))).toHaveLength(Object.keys(group).length)
      }),
    )
  })
})
