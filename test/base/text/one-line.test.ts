import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { logLine } from '../../../src/base/log.ts'
import { oneLine, printable, printableJson } from '../../../src/base/text/one-line.ts'
import { HARMFUL, HARMFUL_IN_LINES } from '../../../support/harmful.ts'

/** Any text, most often with characters that are hard to show; also lone surrogates. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 200 }).map((codes) => String.fromCharCode(...codes)),
  fc.string({
    unit: fc.constantFrom(
      'a',
      'ü',
      '\u001b',
      '\u009b',
      '\u202e',
      '\u2069',
      '\n',
      '\u2028',
      '😀',
      '\udb40\udc01',
      '\ud800',
    ),
  }),
)

describe('a text from outside on one line', () => {
  it('shows only characters that print, and is no longer than it may be', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 250 }), (any, charsMax) => {
        const line = oneLine(any, charsMax)
        expect(line).not.toMatch(HARMFUL)
        expect(line.isWellFormed()).toBe(true)
        expect(line.length).toBeLessThanOrEqual(charsMax)
      }),
      { numRuns: 2_000 },
    )
  })

  it('is unchanged when it prints and fits', () => {
    for (const plain of ['press-1', 'Kühler °C', '温度', '😀 a/b', 'x'.repeat(20)])
      expect(oneLine(plain, 20)).toBe(plain)
  })

  it('is cut after a whole character or escape', () => {
    expect(oneLine('a\u202eb', 20)).toBe('a\\u202eb')
    expect(oneLine('a\u202eb', 7)).toBe('a…')
    expect(oneLine('😀😀😀', 4)).toBe('😀…')
    expect(oneLine('abcdef', 4)).toBe('abc…')
  })

  it('costs no more for a text of a megabyte than for a short one', () => {
    expect(oneLine('\u202e'.repeat(1_048_576), 13)).toBe('\\u202e\\u202e…')
  })
})

describe('text for a terminal', () => {
  it('keeps its lines and shows only characters that print', () => {
    fc.assert(
      fc.property(text, (any) => {
        const shown = printable(any)
        expect(shown).not.toMatch(HARMFUL_IN_LINES)
        expect(shown.split('\n')).toHaveLength(any.split('\n').length)
      }),
    )
  })

  it('is the same data when it is JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), text, (data, name) => {
        const json = printableJson({ data, name }, 2)
        expect(json).not.toMatch(HARMFUL_IN_LINES)
        expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify({ data, name })))
      }),
    )
  })
})

describe('a line of the log', () => {
  it('is JSON with the same data, of characters that print', () => {
    fc.assert(
      fc.property(text, (topic) => {
        const line = logLine(`${JSON.stringify({ level: 40, topic, msg: topic })}\n`)
        expect(line.slice(0, -1)).not.toMatch(HARMFUL)
        expect(line.endsWith('\n')).toBe(true)
        expect(JSON.parse(line)).toEqual({ level: 40, topic, msg: topic })
      }),
    )
  })

  it.each([
    ['a long text', { topic: '\u202e'.repeat(65_535) }],
    ['many texts', { topics: Array.from({ length: 10_000 }, (_, i) => `rnd${i}`) }],
    ['a long stack', { err: { type: 'Error', stack: 'at x\n'.repeat(20_000) } }],
  ])('is short and keeps level, time and message although it has %s', (_, data) => {
    const line = logLine(`${JSON.stringify({ level: 40, time: 1, ...data, msg: 'a message' })}\n`)
    expect(line.length).toBeLessThan(10_000)
    expect(JSON.parse(line)).toMatchObject({ level: 40, time: 1, msg: 'a message' })
  })
})
