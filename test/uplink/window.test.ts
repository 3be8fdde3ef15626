import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Flight, Window } from '../../src/uplink/window.ts'

const SENDING = { epoch: 'epoch-1', run: 'run-1' }

function batch(first: number, last: number, more: Partial<Flight> = {}): Flight {
  return { kind: 'batch', ...SENDING, range: { first, last }, sentAt: first, ...more }
}

/** Fills the window with batches of one position each. @returns how many it took. */
function fill(window: Window, from: number): number {
  let count = 0
  for (; window.hasRoom; count++) window.open(batch(from + count, from + count))
  return count
}

const aRange = fc.tuple(fc.nat(40), fc.nat(10)).map(([first, more]) => ({ first, last: first + more }))
const aFlight: fc.Arbitrary<Flight> = fc.record({
  kind: fc.constantFrom<Flight['kind']>('batch', 'amendments'),
  epoch: fc.constantFrom(SENDING.epoch, 'epoch-2'),
  run: fc.constantFrom(SENDING.run, 'run-2'),
  range: aRange,
  sentAt: fc.nat(),
})

describe('a window', () => {
  it('begins with one message, and each confirmed one makes room for one more, up to the limit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), (limit) => {
        const window = new Window(limit)
        let next = 1
        for (let size = 1; size < 4 * limit; size *= 2) {
          const oldest = next
          next += fill(window, next)
          expect(window.inFlight).toBe(Math.min(size, limit))
          const answered = window.confirm({ kind: 'batch', ...SENDING }, [{ first: oldest, last: next }])
          expect(answered).toBe(Math.min(size, limit))
          expect(window.inFlight).toBe(0)
        }
      }),
    )
  })

  it('never holds more than the limit, whatever is confirmed in whatever order', () => {
    const steps = fc.array(fc.oneof(fc.constant('open' as const), aRange), { maxLength: 200 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), steps, (limit, all) => {
        const window = new Window(limit)
        let seq = 0
        for (const step of all) {
          if (step !== 'open') window.confirm({ kind: 'batch', ...SENDING }, [step])
          else if (window.hasRoom) window.open(batch(seq % 50, seq++ % 50))
          expect(window.inFlight).toBeLessThanOrEqual(limit)
        }
      }),
    )
  })

  it('closes what lies wholly inside a confirmed range of its own kind, epoch and run, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(aFlight, { maxLength: 20 }), fc.array(aRange, { maxLength: 4 }), (flights, ranges) => {
        const window = new Window(1)
        for (const flight of flights) window.open(flight)
        const answered = ({ kind, epoch, run, range }: Flight): boolean =>
          kind === 'batch' &&
          epoch === SENDING.epoch &&
          run === SENDING.run &&
          ranges.some(({ first, last }) => first <= range.first && range.last <= last)
        const closed = window.confirm({ kind: 'batch', ...SENDING }, ranges)
        const left = flights.filter((flight) => !answered(flight))
        expect(closed).toBe(flights.length - left.length)
        expect(window.inFlight).toBe(left.length)
        expect(window.oldestAt).toBe(left.length === 0 ? undefined : Math.min(...left.map(({ sentAt }) => sentAt)))
      }),
    )
  })
})
