import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GOOD, Reason } from '../../src/base/flags.ts'
import type { Value, ValueType } from '../../src/base/reading.ts'
import { Judge } from '../../src/quality/judge.ts'
import { BALANCE_MAX, EARLY_MAX } from '../../src/quality/kinds.ts'
import { input, inputs, judgeAll, rule, stored, T0 } from './feed.ts'

/** The reasons of each value after all amendments, and the type of the series, which has no type at first. */
function learn(values: readonly Value[], type?: ValueType): { odd: boolean[]; type: ValueType | undefined } {
  const judge = new Judge([])
  const readings = inputs(values).map((reading) => ({ ...reading, type }))
  const { last } = judgeAll(judge, readings)
  return { odd: last.map(({ reasons }) => (reasons & Reason.TYPE) !== 0), type: judge.typeOf(1) }
}

const aNumber = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.boolean())
const aText = fc.oneof(fc.constantFrom('booting', 'ERR', 'on'), fc.constant(new Uint8Array([0xff])))
const aMissing = fc.constant(null)

describe('the type of a series', () => {
  it('does not depend on which value came first: numbers are never odd, texts among as many numbers always are', () => {
    const mixed = fc
      .tuple(
        fc.array(aText, { maxLength: EARLY_MAX }),
        fc.array(aNumber, { minLength: EARLY_MAX, maxLength: 20 }),
        fc.array(aMissing, { maxLength: 3 }),
      )
      .chain(([texts, numbers, missing]) => {
        const all: Value[] = [...texts, ...numbers, ...missing]
        return fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length })
      })
    fc.assert(
      fc.property(mixed, (values) => {
        const { odd, type } = learn(values)
        expect(odd).toEqual(values.map((value) => typeof value === 'string' || value instanceof Uint8Array))
        expect(type).toBe(values.some((value) => typeof value === 'number') ? 'number' : 'boolean')
      }),
    )
  })

  it('never makes a number or a boolean odd, whatever came before and whatever type is stored', () => {
    const types = fc.constantFrom<ValueType | undefined>(undefined, 'number', 'boolean', 'text', 'bytes')
    fc.assert(
      fc.property(
        fc.array(fc.oneof(aNumber, aText, aMissing), { maxLength: 200, size: 'max' }),
        types,
        (values, type) => {
          const { odd } = learn(values, type)
          for (const [i, value] of values.entries())
            if (typeof value !== 'string' && !(value instanceof Uint8Array)) expect(odd[i]).toBe(false)
        },
      ),
    )
  })

  it('stays text for a series of texts, also when a stray number comes first or in between', () => {
    const words = (count: number): Value[] => Array<Value>(count).fill('running')
    expect(learn([...words(20), 5, ...words(20)])).toEqual({ odd: Array(41).fill(false), type: 'text' })
    const first = learn([5, ...words(100)])
    expect(first.odd.filter(Boolean)).toHaveLength(1)
    expect(first.type).toBe('text')
  })

  it('recovers: a series stored as text becomes one of numbers, and the other way round', () => {
    const numbers = learn(Array<Value>(BALANCE_MAX + 1).fill(21.5), 'text')
    expect(numbers.type).toBe('number')
    expect(learn([...Array<Value>(BALANCE_MAX + 1).fill(21.5), 'ERR'], 'text').odd.at(-1)).toBe(true)
    const texts = learn(Array<Value>(3 * BALANCE_MAX).fill('1.2.3'), 'number')
    expect(texts.odd.filter(Boolean)).toHaveLength(BALANCE_MAX)
    expect(texts.type).toBe('text')
  })

  it('is strict only when a rule sets it', () => {
    const judge = new Judge([rule({ type: 'boolean' })])
    const { last } = judgeAll(judge, inputs([true, 1, 'on', 0]))
    expect(last.map(({ reasons }) => reasons)).toEqual([0, Reason.TYPE, Reason.TYPE, Reason.TYPE])
  })

  it('is learnt again from stored readings: texts before a restart are still amended by the first numbers', () => {
    const judge = new Judge([])
    judge.replay(1, stored(input(1, { type: undefined, value: 'booting' }), GOOD))
    expect(judge.judge(1, input(2, { ts: T0 + 9_000, type: undefined, value: 21.5 }))).toBe(GOOD)
    expect(judge.takeAmendments()).toEqual([{ series: 1, seq: 1, quality: 4, reasons: Reason.TYPE }])
  })
})
