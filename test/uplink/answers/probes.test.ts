import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  FREE_EVERY_MS,
  PROBE_BYTES,
  PROBE_BYTES_FIRST,
  PROBE_BYTES_PER_HOUR,
  Probes,
  SPREAD_MS,
} from '../../../src/uplink/answers/probes.ts'

const HOUR_MS = 3_600_000
/** A message with its overhead. */
const MESSAGE_BYTES = PROBE_BYTES + 128

/** From `from` on, sends probes without an answer, each at the first moment it may leave. @returns their times */
function unansweredFor(probes: Probes, ms: number, from = 0): number[] {
  const times: number[] = []
  for (let now = from + probes.waitMs(from); now < from + ms; now += Math.max(1, probes.waitMs(now))) {
    times.push(now)
    probes.sent(now)
    probes.unanswered(PROBE_BYTES, now)
  }
  return times
}

describe('messages to a receiver that does not answer', () => {
  it('cost at most what is allowed in an hour, and one for each time that a receiver says that it is back', () => {
    const event = fc.record({ afterMs: fc.nat(5_000), what: fc.constantFrom('begin', 'back', 'send', 'send') })
    fc.assert(
      fc.property(
        fc.array(event, { minLength: 300, maxLength: 600 }),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        (events, random) => {
          const probes = new Probes(() => random)
          let now = 0
          let bytes = 0
          let backs = 0
          for (const { afterMs, what } of events) {
            now += afterMs
            if (what === 'begin') probes.begin()
            else if (what === 'back') {
              backs++
              probes.back(now)
            } else if (probes.waitMs(now) === 0) {
              probes.sent(now)
              probes.unanswered(PROBE_BYTES, now)
              bytes += MESSAGE_BYTES
            }
          }
          const paid = PROBE_BYTES_FIRST + MESSAGE_BYTES + (now / HOUR_MS) * PROBE_BYTES_PER_HOUR
          expect(bytes).toBeLessThanOrEqual(paid + MESSAGE_BYTES * Math.min(backs, 1 + now / FREE_EVERY_MS))
        },
      ),
    )
  })

  it('follow each other more and more slowly, and never stop', () => {
    const times = unansweredFor(new Probes(() => 1), HOUR_MS)
    const pauses = times.slice(1).map((time, i) => time - times[i]!)
    expect(pauses.slice(0, 4)).toEqual([1_000, 2_000, 4_000, 8_000])
    expect(Math.max(...pauses)).toBeLessThan(300_000)
    expect(times.at(-1)).toBeGreaterThan(HOUR_MS - 300_000)
  })

  it('leave at once over a new connection, and within the spread when a receiver is back, even after an hour', () => {
    for (const random of [0, 0.5, 0.999]) {
      const probes = new Probes(() => random)
      unansweredFor(probes, HOUR_MS)
      probes.begin()
      expect(probes.waitMs(HOUR_MS)).toBe(0)
      probes.sent(HOUR_MS)
      probes.unanswered(PROBE_BYTES, HOUR_MS)
      probes.back(HOUR_MS)
      expect(probes.waitMs(HOUR_MS)).toBeLessThanOrEqual(random * SPREAD_MS)
    }
  })

  it('leave within ten seconds for a receiver that is back once more, however often it said so before', () => {
    const probes = new Probes(() => 0.5)
    for (let now = 0; now < HOUR_MS; now += 500) {
      probes.back(now)
      if (probes.waitMs(now) > 0) continue
      probes.sent(now)
      probes.unanswered(PROBE_BYTES, now)
    }
    probes.back(HOUR_MS)
    expect(probes.waitMs(HOUR_MS)).toBeLessThanOrEqual(FREE_EVERY_MS)
  })

  it('are free again after an answer', () => {
    const probes = new Probes(() => 0.5)
    unansweredFor(probes, HOUR_MS)
    probes.answered()
    expect(probes.waitMs(HOUR_MS)).toBe(0)
  })
})
