import fc from 'fast-check'
import { expect, it } from 'vitest'
import { EdgeQueue } from '../../src/receiver/edge-queue.ts'

it('each edge keeps its order, and no edge is served twice while another one waits', () => {
  const arrivals = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 40 })
  fc.assert(
    fc.property(arrivals, (edges) => {
      const queue = new EdgeQueue<number>()
      for (const [i, edge] of edges.entries()) queue.push(edge, i)
      const served: [edge: string, one: number][] = []
      for (let next = queue.next(new Set()); next !== undefined; next = queue.next(new Set())) {
        served.push([...next])
        queue.shift(next[0])
      }
      for (const edge of new Set(edges)) {
        const own = served.filter(([of]) => of === edge).map(([, one]) => one)
        expect(own).toEqual([...edges.keys()].filter((i) => edges[i] === edge))
      }
      for (const [i, [edge]] of served.slice(1).entries()) {
        if (served[i]![0] === edge) expect(served.slice(i + 1).every(([of]) => of === edge)).toBe(true)
      }
      expect(queue.isEmpty).toBe(true)
    }),
  )
})

it('an edge that is passed over stays first in the queue', () => {
  const queue = new EdgeQueue<number>()
  queue.push('a', 1)
  queue.push('b', 2)
  expect(queue.next(new Set(['a']))).toEqual(['b', 2])
  expect(queue.next(new Set(['a', 'b']))).toBeUndefined()
  expect(queue.next(new Set())).toEqual(['a', 1])
  expect(queue.clear()).toEqual([1, 2])
})
