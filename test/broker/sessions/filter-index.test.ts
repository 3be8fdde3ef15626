import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { filterMatches, filterProblem, topicProblem } from '../../../src/base/topics.ts'
import { FilterIndex, shapeOf } from '../../../src/broker/sessions/filter-index.ts'
import { FilterLimits } from '../../../src/broker/sessions/filter-limits.ts'
import { OwnFilters } from '../../../src/broker/sessions/own-filters.ts'

const level = fc.constantFrom('a', 'b', '', '+', '#', '$x', 'é')
const filter = fc
  .array(level, { minLength: 1, maxLength: 5 })
  .map((levels) => levels.join('/'))
  .filter((text) => filterProblem(text) === undefined)
const topic = filter.filter((text) => topicProblem(text) === undefined)

describe('the index of filters', () => {
  it('finds the filters that match a topic, no others, after any changes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(filter, fc.boolean()), { maxLength: 40 }), fc.array(topic), (changes, topics) => {
        const index = new FilterIndex<string>()
        const model = new Set<string>()
        for (const [one, isAdded] of changes) {
          if (isAdded) index.set(one, one)
          else index.delete(one)
          if (isAdded) model.add(one)
          else model.delete(one)
        }
        expect(index.size).toBe(model.size)
        expect(index.hasWildcards).toBe([...model].some((one) => shapeOf(one) !== undefined))
        for (const one of topics) {
          const expected = [...model].filter((each) => filterMatches(each, one))
          expect(index.match(one).sort()).toEqual(expected.sort())
          expect(index.some(one, () => true)).toBe(expected.length > 0)
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('the limits of filters', () => {
  const settings = { filtersPerClientMax: 50, filtersMax: 80 }

  it('bound the filters of a client and of all clients, and long filters count as several', () => {
    const limits = new FilterLimits(settings)
    const [a, b] = [new OwnFilters(), new OwnFilters()]
    const added = (own: OwnFilters, name: string, count: number): number =>
      Array.from({ length: count }, (_, i) => limits.add(name, own, { topic: `${name}/${i}`, qos: 1 })).filter(Boolean)
        .length
    expect(added(a, 'a', 60)).toBe(50)
    expect(limits.add('a', a, { topic: 'a/0', qos: 2 })).toBe(true) // replaced
    expect(added(b, 'b', 60)).toBe(30)
    expect(limits.refused).toMatchObject({ count: 40, last: 'b' })
    limits.remove(a, 'a/0')
    expect(limits.add('b', b, { topic: 'x'.repeat(300), qos: 1 })).toBe(false)
    limits.remove(a, 'a/1')
    expect(limits.add('b', b, { topic: 'x'.repeat(300), qos: 1 })).toBe(true)
    limits.removeAll(a)
    limits.removeAll(b)
    expect(limits.count).toBe(0)
  })

  it('bound the shapes of deep filters, so that no set of filters makes a match slow', () => {
    const limits = new FilterLimits({ filtersPerClientMax: 10_000, filtersMax: 100_000 })
    const deep = Array.from({ length: 2 ** 12 }, (_, bits) =>
      Array.from({ length: 12 }, (_, i) => (bits & (1 << i) ? '+' : 'a')).join('/'),
    )
    const granted = (client: string): number => {
      const own = new OwnFilters()
      return deep.filter((one) => limits.add(client, own, { topic: one, qos: 1 })).length
    }
    expect(granted('a')).toBe(33) // 32 shapes, and the filter without a wildcard
    const shallow = new OwnFilters()
    expect(limits.add('b', shallow, { topic: '+/a/+/#', qos: 1 })).toBe(true)
    // Filters with a shape that exists already are not refused.
    expect(
      Array.from({ length: 1_000 }, (_, i) => limits.add('b', shallow, { topic: `+/${i}/#`, qos: 1 })),
    ).not.toContain(false)
  })
})
