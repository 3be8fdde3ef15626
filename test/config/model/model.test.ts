import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RuleNumber } from '../../../src/config/edge/state.ts'
import { type Action, schedule, steadySchedule } from './actions.ts'
import { LEAVES, leaf } from './histories.ts'
import { INVARIANTS, type Invariant, Violation } from './invariants.ts'
import { forkSchedule, PURPOSE, schedulesFor } from './rules.ts'
import { runSchedule } from './run.ts'

const SEED = 20_260_101

describe('config sync', () => {
  it('keeps every invariant in any schedule', { timeout: 60_000 }, () => {
    const checked = new Set<Invariant>()
    const run = (actions: Action[]): void => {
      for (const invariant of runSchedule(actions).checks.counts.keys()) checked.add(invariant)
    }
    fc.assert(fc.property(schedule, run), { numRuns: 500, seed: SEED })
    const byTests: Invariant[] = [9, 10, 11, 12, 13, 24] // merge.test.ts, order.test.ts and below
    const all = Object.keys(INVARIANTS).map(Number) as Invariant[]
    expect(all.filter((one) => !checked.has(one))).toEqual(byTests)
  })

  it('ends with one state at both sides after an unannounced fork', () => {
    fc.assert(
      fc.property(forkSchedule, (actions) => void runSchedule(actions, { forks: true })),
      { numRuns: 50, seed: SEED },
    )
  })

  it.each(Object.entries(PURPOSE).map(([rule, invariant]) => [Number(rule) as RuleNumber, invariant] as const))(
    'needs rule %i, because invariant %i does not hold without it',
    (rule, invariant) => {
      const options = { only: invariant, without: new Set([rule]) }
      const { errorInstance } = fc.check(
        fc.property(schedulesFor(rule), (actions) => void runSchedule(actions, options)),
        { numRuns: 300, seed: SEED, endOnFailure: true },
      )
      expect(errorInstance).toBeInstanceOf(Violation)
      expect((errorInstance as Violation).invariant).toBe(invariant)
    },
  )

  it('gives the same result with wrong clocks, except for the winners under lww', () => {
    const years = fc.constantFrom(-10, -1, 0, 1, 10).map((count) => count * 365 * 86_400_000)
    fc.assert(
      fc.property(steadySchedule, years, years, (actions, edge, cloud) => {
        const exact = runSchedule(actions)
        const skewed = runSchedule(actions, { skew: { edge, cloud } })
        for (const [i, device] of exact.devices.entries()) {
          for (const path of LEAVES.filter((one) => !one.startsWith('/lww'))) {
            expect(leaf(skewed.devices[i]!.edge.cur, path)).toEqual(leaf(device.edge.cur, path))
          }
        }
      }),
      { numRuns: 100, seed: SEED },
    )
  })
})
