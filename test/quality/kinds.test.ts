import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GOOD, Reason } from '../../src/base/flags.ts'
import type { Value, ValueType } from '../../src/base/reading.ts'
import { Judge } from '../../src/quality/judge.ts'
import { BALANCE_MAX, NEW_VALUES, type StoredKind } from '../../src/quality/kinds.ts'
import { input, inputs, judgeAll, NEW, rule, stored, T0 } from './feed.ts'

interface Learnt {
  /** By index: whether the value has the wrong type, after all amendments. */
  readonly odd: readonly boolean[]
  readonly type: ValueType | undefined
}

/** Judges the values; at each cut the edge is restarted: a new judge replays what the store has. */
function learn(
  values: readonly Value[],
  { kind = NEW, cuts = [] }: { kind?: StoredKind; cuts?: number[] } = {},
): Learnt {
  let judge = new Judge([])
  let known = kind
  const readings = inputs(values)
  const odd: boolean[] = []
  const stored: { quality: 1 | 2 | 3 | 4 | 9; reasons: number }[] = []
  for (const [i, reading] of readings.entries()) {
    if (cuts.includes(i)) {
      judge = new Judge([])
      for (let k = 0; k < i; k++) judge.replay(1, { ...readings[k]!, kind: known, ...stored[k]! })
    }
    stored.push(judge.judge(1, { ...reading, kind: known }))
    for (const { seq, quality, reasons } of judge.takeAmendments()) stored[seq - 1] = { quality, reasons }
    known = judge.kindOf(1)!
  }
  for (const { reasons } of stored) odd.push((reasons & Reason.TYPE) !== 0)
  return { odd, type: known.type }
}

const aNumber = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.boolean())
const aText = fc.oneof(fc.constantFrom('booting', 'ERR', 'on'), fc.constant(new Uint8Array([0xff])))
const aMissing = fc.constant(null)
const anyValue = fc.oneof(aNumber, aText, aMissing)
const isText = (value: Value): boolean => typeof value === 'string' || value instanceof Uint8Array

function shuffled<T>(values: readonly T[]): fc.Arbitrary<T[]> {
  return fc.shuffledSubarray([...values], { minLength: values.length, maxLength: values.length })
}

/** The first values of a series, the same in another order, values that follow, and restarts. */
const orders = fc
  .record({
    first: fc.array(anyValue, { maxLength: NEW_VALUES }),
    later: fc.array(anyValue, { maxLength: 40, size: 'max' }),
    cuts: fc.array(fc.nat(NEW_VALUES), { maxLength: 2 }),
  })
  .chain(({ first, later, cuts }) => {
    // All of NEW_VALUES must be in the part that is reordered, or nothing may follow.
    const has = first.filter((value) => value !== null).length
    const full = [...first, ...Array<Value>(NEW_VALUES - has).fill(first.find((value) => value !== null) ?? 1)]
    const some = fc.record({ a: fc.constant(first), b: shuffled(first), later: fc.constant<Value[]>([]) })
    const all = fc.record({ a: fc.constant(full), b: shuffled(full), later: fc.constant(later) })
    return fc.record({ run: fc.oneof(some, all), cuts: fc.constant(cuts) })
  })

describe('the type of a series', () => {
  it('and every verdict on it do not depend on the order of its first values, nor on restarts between them', () => {
    fc.assert(
      fc.property(orders, ({ run: { a, b, later }, cuts }) => {
        const [one, other] = [learn([...a, ...later]), learn([...b, ...later], { cuts })]
        expect(other.type).toBe(one.type)
        expect(other.odd.slice(b.length)).toEqual(one.odd.slice(a.length))
        // Texts among the first values are all odd or none is, so they need no pairing.
        const oddTexts = (values: readonly Value[], { odd }: Learnt): boolean[] =>
          odd.filter((_, i) => isText(values[i]!))
        expect(oddTexts(b, other)).toEqual(oddTexts(a, one))
        expect(new Set(oddTexts(a, { ...one, odd: one.odd.slice(0, a.length) })).size).toBeLessThan(2)
      }),
      { numRuns: 1_000 },
    )
  })

  it('is that of numbers if there is one among its first values: the texts are odd, numbers and booleans are not', () => {
    const mixed = fc
      .tuple(fc.array(aText, { maxLength: NEW_VALUES - 1 }), aNumber)
      .chain(([texts, number]) => shuffled<Value>([...texts, number]))
    fc.assert(
      fc.property(mixed, (values) => {
        const { odd, type } = learn(values)
        expect(odd).toEqual(values.map(isText))
        expect(type).toBe(values.some((value) => typeof value === 'number') ? 'number' : 'boolean')
      }),
    )
  })

  it('never makes a number or a boolean odd, whatever came before and whatever type is stored', () => {
    const types = fc.constantFrom<ValueType | undefined>(undefined, 'number', 'boolean', 'text', 'bytes')
    fc.assert(
      fc.property(
        fc.array(anyValue, { maxLength: 200, size: 'max' }),
        fc.record({ type: types, isNew: fc.boolean() }),
        (values, kind) => {
          const { odd } = learn(values, { kind })
          for (const [i, value] of values.entries()) if (!isText(value)) expect(odd[i]).toBe(false)
        },
      ),
    )
  })

  it('stays text for a series of texts, also when stray numbers follow', () => {
    const words = (count: number): Value[] => Array<Value>(count).fill('running')
    expect(learn([...words(20), 5, ...words(20), 6, 7])).toEqual({ odd: Array(43).fill(false), type: 'text' })
  })

  it('recovers when a stray number came first', () => {
    const first = learn([5, ...Array<Value>(100).fill('running')])
    expect(first.odd.filter(Boolean)).toHaveLength(NEW_VALUES)
    expect(first.type).toBe('text')
  })

  it('recovers: a series stored as text becomes one of numbers, and the other way round', () => {
    const numbers = learn([...Array<Value>(BALANCE_MAX + 1).fill(21.5), 'ERR'], {
      kind: { type: 'text', isNew: false },
    })
    expect(numbers).toMatchObject({ type: 'number' })
    expect(numbers.odd.at(-1)).toBe(true)
    const texts = learn(Array<Value>(3 * BALANCE_MAX).fill('1.2.3'), { kind: { type: 'number', isNew: false } })
    expect(texts.odd.filter(Boolean)).toHaveLength(BALANCE_MAX)
    expect(texts.type).toBe('text')
  })

  it('accepts after a restart the texts that it accepted before', () => {
    const values = [1, ...Array<string>(NEW_VALUES + 4).fill('on')]
    const { odd } = learn(values)
    expect(odd.slice(-2)).toEqual([false, false])
    expect(learn(values, { cuts: [values.length - 1] }).odd).toEqual(odd)
    const numbers = [...Array<number>(40).fill(1), 'on', 'on']
    expect(learn(numbers, { cuts: [41] }).odd).toEqual(learn(numbers).odd)
  })

  it('is strict only when a rule sets it, and is not checked at all when a rule says so', () => {
    const reasons = (type: 'boolean' | 'text' | 'any'): number[] => {
      const readings = inputs(['off', true, 1, 'on']).map((reading) => ({ ...reading, kind: NEW }))
      const { last } = judgeAll(new Judge([rule({ type })]), readings)
      return last.map((verdict) => verdict.reasons)
    }
    expect(reasons('boolean')).toEqual([Reason.TYPE, 0, Reason.TYPE, Reason.TYPE])
    expect(reasons('text')).toEqual([0, Reason.TYPE, Reason.TYPE, 0])
    expect(reasons('any')).toEqual([0, 0, 0, 0])
  })

  it('is learnt again from stored readings: texts before a restart are still amended by the first number', () => {
    const judge = new Judge([])
    const kind: StoredKind = { type: 'text', isNew: true }
    judge.replay(1, stored(input(1, { kind, value: 'booting' }), GOOD))
    expect(judge.judge(1, input(2, { ts: T0 + 9_000, kind, value: 21.5 }))).toBe(GOOD)
    expect(judge.takeAmendments()).toEqual([{ series: 1, seq: 1, quality: 4, reasons: Reason.TYPE }])
  })
})
