import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TextNumbers } from '../../src/ingest/text-numbers.ts'

describe('the numbers of texts', () => {
  it('stand for the texts that were added, and a short text has one number', () => {
    const text = fc.oneof(fc.constantFrom('', 'a', 'b', '__proto__'), fc.constantFrom(1_024, 1_025, 20_000).map(long))
    fc.assert(
      fc.property(fc.array(text), (texts) => {
        const numbers = new TextNumbers()
        const given = texts.map((one) => numbers.find(one) ?? numbers.add(one))
        expect(given.map((number) => numbers.text(number))).toEqual(texts)
        const short = texts.filter(({ length }) => length <= 1_024)
        expect(numbers.size).toBe(new Set(short).size + texts.length - short.length)
      }),
    )
  })

  it('are not looked up for a long text, which would be compared with all others of its length', () => {
    const numbers = new TextNumbers()
    const number = numbers.add(long(60_000))
    expect(numbers.find(long(60_000))).toBeUndefined()
    expect(numbers.add(long(60_000))).not.toBe(number)
    expect(numbers.bytes).toBeGreaterThan(2 * 60_000)
  })
})

function long(chars: number): string {
  return 'x'.repeat(chars)
}
