import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SeqSet } from '../../src/base/ranges.ts'
import type { SeqRange } from '../../src/base/reading.ts'

const POSITIONS = 60
const position = fc.integer({ min: 0, max: POSITIONS - 1 })
/** Some ranges are empty: `first` is above `last`. */
const range = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.tuple(position, position).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) })),
  },
  { weight: 1, arbitrary: fc.tuple(position, position).map(([first, last]) => ({ first, last })) },
)
const small = fc.tuple(position, fc.nat(2)).map(([first, more]) => ({ first, last: first + more }))
const steps = fc.array(fc.record({ kind: fc.constantFrom('add', 'add', 'remove'), range: fc.oneof(range, small) }), {
  maxLength: 25,
})

/** The script applied to a SeqSet and, as the reference, to a plain set of integers. */
function apply(script: readonly { kind: string; range: SeqRange }[]): { set: SeqSet; plain: Set<number> } {
  const set = new SeqSet()
  const plain = new Set<number>()
  for (const { kind, range } of script) {
    if (kind === 'add') set.add(range)
    else set.remove(range)
    for (let seq = range.first; seq <= range.last; seq++) {
      if (kind === 'add') plain.add(seq)
      else plain.delete(seq)
    }
  }
  return { set, plain }
}

function positionsOf(ranges: Iterable<SeqRange>): number[] {
  return [...ranges].flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i))
}

describe('a set of positions', () => {
  it('is the same whether ascending ranges are added one by one or together', () => {
    const many = fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.nat(3)), { minLength: 20, maxLength: 60 })
    const ascending = many.map((all) => {
      const starts = all.toSorted(([a], [b]) => a - b)
      return starts.map(([first, more]) => ({ first, last: first + more }))
    })
    fc.assert(
      fc.property(ascending, ascending, (before, ranges) => {
        const [together, apart] = [new SeqSet(before), new SeqSet(before)]
        together.addAll(ranges)
        for (const range of ranges) apart.add(range)
        expect([...together]).toStrictEqual([...apart])
      }),
      { numRuns: 300 },
    )
  })

  it('holds the same positions as a plain set of integers after any additions and removals', () => {
    fc.assert(
      fc.property(steps, (script) => {
        const { set, plain } = apply(script)
        const expected = [...plain].sort((a, b) => a - b)
        expect(positionsOf(set)).toStrictEqual(expected)
        expect(set.count).toBe(plain.size)
        expect(set.highest).toBe(expected.at(-1))
        for (let seq = 0; seq < POSITIONS + 3; seq++) expect(set.has(seq)).toBe(plain.has(seq))
      }),
      { numRuns: 500 },
    )
  })

  it('keeps as few intervals as possible: ascending, disjoint and not adjacent', () => {
    fc.assert(
      fc.property(steps, (script) => {
        const ranges = [...apply(script).set]
        for (const [i, { first, last }] of ranges.entries()) {
          expect(first).toBeLessThanOrEqual(last)
          if (i > 0) expect(first).toBeGreaterThan(ranges[i - 1]!.last + 1)
        }
        expect(apply(script).set.size).toBe(ranges.length)
      }),
    )
  })

  it('does not depend on the order or the repetition of the additions', () => {
    fc.assert(
      fc.property(fc.array(range), fc.array(range), (some, more) => {
        const ordered = [...new SeqSet([...some, ...more])]
        expect([...new SeqSet([...more, ...some, ...some])]).toStrictEqual(ordered)
      }),
    )
  })

  it('lists exactly the positions of a range that it does not hold as missing', () => {
    fc.assert(
      fc.property(steps, range, (script, asked) => {
        const { set, plain } = apply(script)
        const expected = positionsOf([asked].filter(({ first, last }) => first <= last)).filter(
          (seq) => !plain.has(seq),
        )
        expect(positionsOf(set.missing(asked))).toStrictEqual(expected)
      }),
      { numRuns: 300 },
    )
  })

  it('finds the interval that contains a position, and the first interval at or after it', () => {
    fc.assert(
      fc.property(steps, position, (script, seq) => {
        const { set } = apply(script)
        const ranges = [...set]
        expect(set.around(seq)).toStrictEqual(ranges.find(({ first, last }) => first <= seq && seq <= last))
        expect(set.from(seq)).toStrictEqual(ranges.find(({ last }) => seq <= last))
      }),
    )
  })

  it('does not change an interval that it has returned', () => {
    fc.assert(
      fc.property(steps, steps, (before, after) => {
        const { set } = apply(before)
        const returned = [...set]
        const copy = structuredClone(returned)
        for (const { kind, range } of after) {
          if (kind === 'add') set.add(range)
          else set.remove(range)
        }
        expect(returned).toStrictEqual(copy)
      }),
    )
  })

  it('is empty after clear', () => {
    const set = new SeqSet([{ first: 1, last: 5 }])
    set.clear()
    expect([set.size, set.count, set.highest, set.has(3)]).toStrictEqual([0, 0, undefined, false])
  })
})
