import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FairQueue } from '../../src/ingest/fair-queue.ts'

const anItem = fc.record({ client: fc.constantFrom('a', 'b', 'c', 'd'), bytes: fc.integer({ min: 0, max: 50_000 }) })
/** Items that arrive, and batches that are taken, of which the first ones are handled and the others come back. */
const aStep = fc.oneof(
  fc.record({ push: fc.array(anItem, { maxLength: 20 }) }),
  fc.record({ take: fc.integer({ min: 1, max: 20 }), handled: fc.integer({ min: 0, max: 20 }) }),
)

const newLists = (): Record<string, number[]> => ({ a: [], b: [], c: [], d: [] })

describe('a fair queue', () => {
  it('loses nothing, and items of one client leave in their order, whatever comes back', () => {
    fc.assert(
      fc.property(fc.array(aStep, { maxLength: 60 }), (steps) => {
        const queue = new FairQueue<number>()
        const [sent, left] = [newLists(), newLists()]
        let next = 0
        const take = (count: number, handled: number): void => {
          for (const [place, taken] of queue.take(count, 60_000).entries()) {
            if (place >= handled) queue.putBack(taken)
            else left[taken.client]!.push(taken.item)
          }
        }
        for (const step of steps) {
          if ('take' in step) take(step.take, step.handled)
          else {
            for (const { client, bytes } of step.push) {
              queue.push(client, bytes, ++next)
              sent[client]!.push(next)
            }
          }
        }
        while (queue.size > 0) take(1_000, 1_000)
        expect(left).toEqual(sent)
      }),
    )
  })

  it('serves a client with little before one with much, however much waits and comes back', () => {
    const queue = new FairQueue<string>()
    for (let i = 0; i < 1_000; i++) queue.push(`flood${i % 10}`, 20_000, 'flood')
    for (let i = 0; i < 50; i++) {
      const inService = queue.take(4_096, 65_536)
      queue.push('honest', 40, 'honest')
      for (const taken of inService.slice(1)) queue.putBack(taken)
      expect(queue.take(1, 65_536)[0]!.item).toBe('honest')
    }
  })

  it('gives clients that send much equal shares by bytes, whatever the size of their items is', () => {
    const queue = new FairQueue<string>()
    for (let i = 0; i < 2_000; i++) queue.push('small', 936, 'small')
    for (let i = 0; i < 200; i++) queue.push('large', 9_936, 'large')
    const bytes = { small: 0, large: 0 }
    for (let i = 0; i < 20; i++)
      for (const taken of queue.take(1_000, 40_000)) bytes[taken.client as 'small' | 'large'] += taken.bytes
    expect(bytes.small / bytes.large).toBeGreaterThan(0.8)
    expect(bytes.small / bytes.large).toBeLessThan(1.25)
  })
})
