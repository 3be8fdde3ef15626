import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Lane, type Limits, type Load, nextAsk, Share } from '../../src/uplink/lanes.ts'

const aLimit: fc.Arbitrary<Limits> = fc.record({
  messages: fc.integer({ min: 1, max: 100 }),
  bytes: fc.integer({ min: 1_024, max: 10_000_000 }),
  messageBytes: fc.integer({ min: 1_024, max: 1_000_000 }),
  backfillShare: fc.double({ min: 0.01, max: 1, noNaN: true }),
})
const aLane = fc.record({ inFlight: fc.nat(60), size: fc.integer({ min: 1, max: 100 }) })
const aLoad: fc.Arbitrary<Load> = fc.record({
  live: aLane,
  backfill: aLane,
  bytes: fc.nat(12_000_000),
  backlog: fc.boolean(),
})
const anAllowance = fc.record({
  live: fc.nat(200_000),
  backfill: fc.nat(200_000),
  againMs: fc.constant(1),
  prefer: fc.constantFrom<Lane>('live', 'backfill'),
})
const UNBOUNDED = { live: Infinity, backfill: Infinity, againMs: Infinity, prefer: 'live' } as const

describe('the next message of an uplink', () => {
  it('never exceeds the window in messages or bytes, the congestion window of its lane, one message, or the budget', () => {
    fc.assert(
      fc.property(aLimit, aLoad, anAllowance, (limits, load, allowed) => {
        const ask = nextAsk(limits, load, allowed)
        const inFlight = load.live.inFlight + load.backfill.inFlight
        for (const lane of ['live', 'backfill'] as const) {
          expect(ask[lane]).toBeGreaterThanOrEqual(0)
          expect(ask[lane]).toBeLessThanOrEqual(Math.min(allowed[lane], limits.messageBytes))
          if (ask[lane] === 0) continue
          expect(inFlight).toBeLessThan(limits.messages)
          expect(load[lane].inFlight).toBeLessThan(load[lane].size)
          if (inFlight > 0) expect(load.bytes + ask[lane]).toBeLessThanOrEqual(limits.bytes)
        }
      }),
    )
  })

  it('leaves a slot for a new reading, however large the backlog is', () => {
    fc.assert(
      fc.property(aLimit, (limits) => {
        fc.pre(limits.messages >= 2 && limits.backfillShare <= 0.5 && limits.bytes >= 4 * limits.messageBytes)
        let load: Load = {
          live: { inFlight: 0, size: 1_000 },
          backfill: { inFlight: 0, size: 1_000 },
          bytes: 0,
          backlog: true,
        }
        for (let sent = 0; sent < 200; sent++) {
          const { backfill } = nextAsk(limits, load, UNBOUNDED)
          if (backfill === 0) break
          const inFlight = load.backfill.inFlight + 1
          load = { ...load, backfill: { ...load.backfill, inFlight }, bytes: load.bytes + backfill }
        }
        expect(load.backfill.inFlight).toBeGreaterThan(0)
        expect(nextAsk(limits, load, UNBOUNDED).live).toBeGreaterThan(0)
      }),
    )
  })

  it('is always allowed in at least one lane when nothing is in flight', () => {
    const nothing = { live: { inFlight: 0, size: 1 }, backfill: { inFlight: 0, size: 1 }, bytes: 0 }
    fc.assert(
      fc.property(aLimit, fc.boolean(), fc.constantFrom<Lane>('live', 'backfill'), (limits, backlog, prefer) => {
        const ask = nextAsk(limits, { ...nothing, backlog }, { ...UNBOUNDED, prefer })
        expect(Math.max(ask.live, ask.backfill)).toBeGreaterThan(0)
      }),
    )
  })
})

describe('the share of the backlog', () => {
  it('is kept while new readings alone could fill the link', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.05, max: 0.8, noNaN: true }),
        fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 400, maxLength: 600 }),
        (share, sizes) => {
          const turns = new Share(share, 5_000)
          const sent = { live: 0, backfill: 0 }
          for (const bytes of sizes) {
            const lane = turns.prefer
            sent[lane] += bytes
            turns.sent(lane, bytes, true)
          }
          const total = sent.live + sent.backfill
          expect(sent.backfill).toBeGreaterThan(total * share - 20_000)
          expect(sent.live).toBeGreaterThan(total * (1 - share) - 20_000)
        },
      ),
    )
  })

  it('is unused when there is no backlog', () => {
    const turns = new Share(0.9, 100)
    for (let i = 0; i < 10; i++) turns.sent('live', 1_000, false)
    expect(turns.prefer).toBe('live')
  })
})
