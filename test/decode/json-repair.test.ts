import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { repairJson } from '../../src/decode/json-repair.ts'
import { onDevice, readingsOf, reasonOf } from './support.ts'

describe('a text that is nearly JSON', () => {
  it.each<[string, unknown]>([
    [
      '{"a":NaN,"b":-Infinity,"c":undefined,"d":None,"e":nan,"ok":1}',
      { a: null, b: null, c: null, d: null, e: null, ok: 1 },
    ],
    ['{"a":,"b":2}', { a: null, b: 2 }],
    ['{"b":2,"a":}', { b: 2, a: null }],
    ['{"a":+21.5,"b":.5,"c":5.,"d":-.5}', { a: 21.5, b: 0.5, c: 5, d: -0.5 }],
    ['{"a":ON,"b":True,"c":FALSE,"d":09:40}', { a: 'ON', b: true, c: false, d: '09:40' }],
    ['{"a":1,"b":2,}', { a: 1, b: 2 }],
    ['{a:1, b : 2}', { a: 1, b: 2 }],
    ['{"a":"two\nlines","b":1}', { a: 'two\nlines', b: 1 }],
    ['{"a":"NaN, {x","b":NaN}', { a: null, b: null }],
    ["{'a': 21.5, 'b': True, 'c': None}", { a: 21.5, b: true, c: null }],
    [`{'a': "it's", 'b': 'say "hi"', 'c': 'it\\'s \\xe9\\u20ac\\n'}`, { a: "it's", b: 'say "hi"', c: "it's é€\n" }],
    ["{'a': np.float64(1.5), 'b': Decimal('2.50'), 'c': [1, 2]}", { a: 1.5, b: 2.5, 'c.0': 1, 'c.1': 2 }],
    ['\ufeff{"a":1}\0\0', { a: 1 }],
    ['{"a":1}\r\n\0', { a: 1 }],
    ['\ufeff{"a":NaN}\0', { a: null }],
  ])('is read: %j', (text, expected) => {
    const readings = readingsOf(onDevice(text)).map(({ metric, value }) => [metric, value])
    const given = Object.entries(expected as object)
    if (text.includes('{x'))
      expect(readings).toEqual([
        ['a', 'NaN, {x'],
        ['b', null],
      ])
    else expect(readings).toEqual(given)
  })

  it.each(['{"a":1', '{"a":1}}', '{"a":1 "b":2}', '[1,2', '{"a":"x}', '{]', '{"a"}', '{"a":1}x', '{"a":1]'])(
    'is not meant by %s',
    (text) => expect(reasonOf(onDevice(text))).toMatch(/^\$: not JSON/),
  )

  it.each(['{\'a": 1}', "{'a': datetime.datetime(2026, 1, 1)}", "{'a: 1}", "{'a': '\\q'}", "{a'b: 1}", "{b'a': 1}"])(
    'is refused, and makes no series with quotes in its name: %s',
    (text) => expect(reasonOf(onDevice(text))).toMatch(/^\$: not JSON/),
  )

  it.each([
    ["{'t': datetime.datetime(2026, 1, 31), 'v': 1}", 'datetime.datetime(…)'],
    ["[{'v': array([1, 2])}]", 'array(…)'],
  ])('is refused with the object that Python printed, and the remedy: %s', (text, object) => {
    expect(reasonOf(onDevice(text))).toContain(`${object}; send json.dumps(message, default=str)`)
  })

  it('is any dict that Python prints', () => {
    const python = (value: unknown): string => {
      if (value === null) return 'None'
      if (typeof value === 'boolean') return value ? 'True' : 'False'
      if (typeof value === 'number') return String(value)
      const text = String(value).replace(/[\\'\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))
      return `'${text}'`
    }
    const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '"', "'", '\\', '\n', ',', ':', '{', '}', 'é') })
    const scalar = fc.oneof(
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      text.map((one) => `x${one}`),
    )
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{3,6}_$/), scalar, { minKeys: 1 }), (dict) => {
        const entries = Object.entries(dict)
        const printed = `{${entries.map(([key, value]) => `'${key}': ${python(value)}`).join(', ')}}`
        const found = readingsOf(onDevice(printed)).map(({ metric, value }) => [metric, value])
        expect(found).toEqual(entries)
      }),
    )
  })

  it('keeps what is JSON already', () => {
    fc.assert(
      fc.property(
        fc.json().filter((text) => /^[[{]/.test(text)),
        (text) => {
          const repaired = repairJson(text)
          expect(JSON.stringify(JSON.parse(repaired ?? 'undefined'))).toBe(JSON.stringify(JSON.parse(text)))
        },
      ),
      { numRuns: 500 },
    )
  })
})
