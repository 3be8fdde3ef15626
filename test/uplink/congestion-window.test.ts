import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CongestionWindow } from '../../src/uplink/congestion-window.ts'

/** A path with a delay and one bottleneck that serves one batch at a time. Times in ms. */
class Way {
  readonly congestionWindow: CongestionWindow
  readonly #delayMs: number
  serviceMs: number
  now = 0
  #freeAt = 0
  #flying: { readonly sentAt: number; readonly inFlight: number; readonly answeredAt: number }[] = []
  answers: number[] = []

  constructor(limit: number, { delayMs, serviceMs }: { delayMs: number; serviceMs: number }) {
    this.congestionWindow = new CongestionWindow(limit)
    this.#delayMs = delayMs
    this.serviceMs = serviceMs
  }

  get inFlight(): number {
    return this.#flying.length
  }

  /** Sends whatever may be sent and handles answers, for `ms` milliseconds. */
  run(ms: number): void {
    const end = this.now + ms
    for (;;) {
      while (this.#flying.length < this.congestionWindow.size) this.#send()
      const next = this.#flying[0]!
      if (next.answeredAt > end) {
        this.now = end
        return
      }
      this.#flying.shift()
      this.now = next.answeredAt
      this.answers.push(this.now - next.sentAt)
      this.congestionWindow.answered(next)
    }
  }

  #send(): void {
    this.#freeAt = Math.max(this.#freeAt, this.now + this.#delayMs / 2) + this.serviceMs
    const answeredAt = this.#freeAt + this.#delayMs / 2
    this.#flying.push({ sentAt: this.now, inFlight: this.#flying.length + 1, answeredAt })
  }
}

const aWay = fc.record({ delayMs: fc.integer({ min: 0, max: 2_000 }), serviceMs: fc.integer({ min: 10, max: 200 }) })

/** The number of batches that fill the path itself, with none queued. */
function capacityOf({ delayMs, serviceMs }: { delayMs: number; serviceMs: number }): number {
  return (delayMs + serviceMs) / serviceMs
}

describe('the congestion window of a lane', () => {
  it('begins with one message, stays within its limit, and never stops sending', () => {
    const answer = fc.record({ sentAt: fc.nat(100), tookMs: fc.nat(5_000), inFlight: fc.integer({ min: 1, max: 50 }) })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.array(answer, { maxLength: 200 }), (limit, answers) => {
        const congestionWindow = new CongestionWindow(limit)
        expect(congestionWindow.size).toBe(1)
        let now = 0
        for (const { sentAt, tookMs, inFlight } of answers) {
          now += sentAt
          congestionWindow.answered({ sentAt: now, answeredAt: now + tookMs, inFlight })
          expect(congestionWindow.size).toBeGreaterThanOrEqual(1)
          expect(congestionWindow.size).toBeLessThanOrEqual(limit)
        }
      }),
    )
  })

  it('uses any path, short or long, to at least 85 %, with a queue bounded by the length of the path', () => {
    fc.assert(
      fc.property(aWay, (given) => {
        const limit = 1_000
        fc.pre(capacityOf(given) < 60)
        const way = new Way(limit, given)
        way.run(200 * (given.delayMs + given.serviceMs))
        way.answers = []
        const ms = 100 * (given.delayMs + given.serviceMs)
        way.run(ms)
        expect(way.answers.length * given.serviceMs).toBeGreaterThan(ms * 0.85)
        expect(way.inFlight).toBeLessThan(capacityOf(given) * 3 + 8)
        const slowest = Math.max(...way.answers)
        expect(slowest).toBeLessThan((given.delayMs + given.serviceMs) * 3 + given.serviceMs * 8)
      }),
      { numRuns: 60 },
    )
  })

  it('does not mistake its own queue for a part of the path, even after a day', () => {
    const way = new Way(1_000, { delayMs: 20, serviceMs: 50 })
    way.run(86_400_000)
    expect(way.inFlight).toBeLessThan(10)
  })

  it('shrinks when the receiver becomes slow, and grows again when the receiver is fast again', () => {
    const way = new Way(1_000, { delayMs: 200, serviceMs: 5 })
    way.run(20_000)
    const before = way.inFlight
    expect(before).toBeGreaterThan(30)
    way.serviceMs = 200
    way.run(20_000)
    expect(way.inFlight).toBeLessThan(before / 3)
    way.serviceMs = 5
    way.run(60_000)
    way.answers = []
    way.run(10_000)
    expect(way.answers.length * 5).toBeGreaterThan(9_000)
  })
})
