import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decode } from '../../src/decode/decode.ts'
import { bytes, NOW, onDevice, onlyValue, onMetric, readingsOf, reasonOf } from './support.ts'

describe('a bare payload on a metric topic', () => {
  it.each<[string, unknown]>([
    ['21.5', 21.5],
    ['-0.5', -0.5],
    ['0', 0],
    ['-0', -0],
    ['1e3', 1000],
    ['1E-2', 0.01],
    [' 21.5\r\n', 21.5],
    ['123456789012345', 123456789012345],
    ['0.1234567890123456789', 0.12345678901234568],
    ['true', true],
    ['false', false],
    ['True', true],
    ['False\0', false],
    ['null', null],
    ['', null],
    ['running', 'running'],
    ['Größe 5 µm', 'Größe 5 µm'],
    ['"21.5"', '21.5'],
    ['"a\\nb"', 'a\nb'],
    ['"open', '"open'],
    [' two parts ', ' two parts '],
    ['\ufeffx', 'x'],
    ['\ufeff21.5', 21.5],
    ['21.5\0', 21.5],
    ['21.5\r\n\0\0', 21.5],
    ['21.5\0\r\n', 21.5],
    ['running\0', 'running'],
    ['a\0b', 'a\0b'],
    ['true\0', true],
    ['+21.5', 21.5],
    ['+1', 1],
    ['.5', 0.5],
    ['-.5', -0.5],
    ['5.', 5],
    ['-5.', -5],
    ['5.e3', 5000],
    ['+9007199254740993', '9007199254740993'],
  ])('%j has the value %j', (payload, value) => {
    expect(onlyValue(onMetric(payload))).toBe(value)
  })

  it.each(['007', '-01', '00.5', '+-1', '.', '-', '+', '1,5', '1e', '0x1f', '1 2', '1.2.3', '--1', 'TRUE', '45%'])(
    '%s stays text because it is not a number in every language',
    (payload) => expect(onlyValue(onMetric(payload))).toBe(payload),
  )

  const words = [
    '',
    'unavailable',
    'unknown',
    'none',
    'N/A',
    'n/a',
    '---',
    'null',
    'nan',
    'NaN',
    '-nan',
    'undefined',
    'inf',
  ]

  it.each([
    ...words,
    'Unavailable',
    'NONE',
    ' nan\n',
    '-Infinity',
    '+INF',
    '--.-',
    '(null)',
    'no_data',
    '1.#QNAN',
    '\0',
    'nan\0',
    '  ',
  ])('%j means that there is no value, alone, as JSON text and in a group', (word) => {
    expect(onlyValue(onMetric(word))).toBeNull()
    expect(onlyValue(onMetric(word, 'text'))).toBeNull()
    if (word.includes('\0')) return
    expect(onlyValue(onMetric(JSON.stringify(word)))).toBeNull()
    expect(onlyValue(onMetric(JSON.stringify({ value: word })))).toBeNull()
    expect(onlyValue(onDevice(JSON.stringify({ a: word })))).toBeNull()
  })

  it.each(['off', 'on', 'open', 'idle', '-', 'no', 'unknown device', 'nanny', 'info', 'nonE1'])(
    '%j is a text',
    (word) => {
      expect(onlyValue(onMetric(word))).toBe(word)
      expect(onlyValue(onDevice(JSON.stringify({ a: word })))).toBe(word)
    },
  )

  it('is a text, whatever it says, on a route with `noValueTexts: false`', () => {
    const rules = { zone: undefined, numbers: 'plain', noValueTexts: false } as const
    for (const word of ['unknown', 'none', 'nan', '---']) {
      expect(onlyValue(decode(bytes(word), { device: 'd1', metric: 'm', rules }, NOW, 'auto'))).toBe(word)
      const group = bytes(JSON.stringify({ a: word }))
      expect(onlyValue(decode(group, { device: 'd1', metric: undefined, rules }, NOW, 'auto'))).toBe(word)
    }
    expect(onlyValue(decode(bytes('null'), { device: 'd1', metric: 'm', rules }, NOW, 'auto'))).toBeNull()
  })

  it('keeps all digits of an integer that a double would round, as text', () => {
    expect(onlyValue(onMetric('9007199254740992'))).toBe(9007199254740992)
    expect(onlyValue(onMetric('9007199254740993'))).toBe('9007199254740993')
    expect(onlyValue(onMetric('-12345678901234567890'))).toBe('-12345678901234567890')
  })

  it('is refused when its number overflows a double', () => {
    expect(reasonOf(onMetric('1e400'))).toBe('$: a number beyond the range of a double')
    expect(reasonOf(onMetric('9'.repeat(400)))).toMatch(/beyond the range/)
  })

  it('is refused when it is not UTF-8 text or longer than 4096 bytes', () => {
    expect(reasonOf(onMetric(Uint8Array.of(0x61, 0xff), 'text'))).toMatch(/UTF-8/)
    expect(onlyValue(onMetric(Uint8Array.of(0x61, 0xff)))).toStrictEqual(Uint8Array.of(0x61, 0xff))
    expect(reasonOf(onMetric(new Uint8Array(4097).fill(0xff)))).toMatch(/4097 bytes, more than 4096/)
    expect(onlyValue(onMetric('x'.repeat(4096)))).toHaveLength(4096)
    expect(reasonOf(onMetric('x'.repeat(4097)))).toMatch(/4097 bytes, more than 4096/)
    expect(reasonOf(onMetric(`"${'é'.repeat(2049)}"`, 'json'))).toMatch(/4098 bytes, more than 4096/)
  })

  it('gets the time of its arrival', () => {
    const reading = { device: 'd1', metric: 'm', unit: undefined, value: 1, ts: NOW, timed: false, claim: undefined }
    expect(onMetric('1')).toEqual({ ok: true, readings: [reading] })
  })

  it('has exactly the double that JSON.parse gives, for every number', () => {
    const numeral = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
      fc
        .tuple(fc.constantFrom('', '-'), fc.nat(999_999), fc.stringMatching(/^\d{0,10}$/))
        .map(([sign, whole, fraction]) => `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}`),
    )
    fc.assert(
      fc.property(numeral, (text) => {
        fc.pre(!/^-?\d{16,}$/.test(text) && !text.includes('+'))
        expect(onlyValue(onMetric(text))).toBe(JSON.parse(text))
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('the payload formats', () => {
  it('include text, which never parses JSON', () => {
    expect(onlyValue(onMetric('{"value":1}', 'text'))).toBe('{"value":1}')
    expect(onlyValue(onMetric('21.5', 'text'))).toBe(21.5)
  })

  it('include json, cbor and senml, which refuse other encodings', () => {
    expect(reasonOf(onMetric('running', 'json'))).toMatch(/^\$: not JSON/)
    expect(onlyValue(onMetric('"running"', 'json'))).toBe('running')
    expect(reasonOf(onMetric('{"value":1}', 'cbor'))).toMatch(/^\$: not CBOR/)
    expect(onlyValue(onMetric(Uint8Array.of(0x18, 0x2a), 'cbor'))).toBe(42)
    expect(reasonOf(onMetric('{"value":1}', 'senml'))).toMatch(/expected a SenML pack/)
  })

  it('refuse a scalar on a topic that names no metric', () => {
    expect(reasonOf(onDevice('21.5'))).toMatch(/the topic names no metric/)
    expect(reasonOf(onDevice(''))).toMatch(/empty payload/)
  })
})

describe('any payload', () => {
  it('never throws, and gives at least one reading or a reason of limited length', () => {
    const json = fc.json({ maxDepth: 6 }).map(bytes)
    const payload = fc.oneof(fc.uint8Array({ maxLength: 200 }), json)
    const format = fc.constantFrom('auto', 'json', 'cbor', 'senml', 'text')
    fc.assert(
      fc.property(payload, fc.option(fc.constant('m'), { nil: undefined }), format, (raw, metric, kind) => {
        const decoded = decode(raw, { device: 'd1', metric }, NOW, kind)
        if (decoded.ok) expect(decoded.readings.length).toBeGreaterThan(0)
        else expect(decoded.reason.length).toBeLessThanOrEqual(400)
      }),
      { numRuns: 5_000 },
    )
  })

  it('does not change its readings when its buffer is used again', () => {
    const payloads = ['"text"', '{"value":"text"}', '[{"n":"a","vs":"text"},{"n":"b","vd":"dGV4dA"}]'].map(bytes)
    payloads.push(Uint8Array.of(0xa1, 0x61, 0x76, 0x43, 1, 2, 3))
    for (const payload of payloads) {
      const buffer = Buffer.from(payload)
      const decoded = onMetric(buffer)
      const before = structuredClone(readingsOf(decoded))
      buffer.fill(0)
      expect(readingsOf(decoded)).toEqual(before)
      for (const { value } of readingsOf(decoded)) {
        if (value instanceof Uint8Array) expect(value.buffer.byteLength).toBe(value.length)
      }
    }
  })

  it('is refused when the topic has a name that cannot be stored', () => {
    expect(decode(bytes('1'), { device: 'x'.repeat(129), metric: 'm' }, NOW, 'auto').ok).toBe(false)
    expect(decode(bytes('1'), { device: '', metric: 'm' }, NOW, 'auto').ok).toBe(false)
    expect(decode(bytes('1'), { device: 'd', metric: 'a\u0001' }, NOW, 'auto').ok).toBe(false)
  })
})
