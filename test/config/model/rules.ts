import fc from 'fast-check'
import type { RuleNumber } from '../../../src/config/edge/state.ts'
import { type Action, schedule } from './actions.ts'
import type { Invariant } from './invariants.ts'

/** What each of the edge's rules is good for: without it, this does not hold. */
export const PURPOSE: Readonly<Record<RuleNumber, Invariant>> = { 1: 8, 2: 1, 3: 8, 4: 4, 5: 7, 6: 3 }

const write = (side: 'edge' | 'cloud'): Action => {
  return { kind: 'edit', side, device: 0, change: { kind: 'write', path: '/a' }, crash: 'none' }
}
const arrives: Action = { kind: 'deliver', to: 'edge', device: 0, pick: 0, crash: 'none', again: false }

/**
 * A cloud's database is copied back behind everybody's back, and as much is written as was lost: then two contents bear
 * one name. `edits` at the edge are not acknowledged before that.
 */
export const forkSchedule: fc.Arbitrary<Action[]> = fc
  .record({ lost: fc.integer({ min: 1, max: 4 }), edits: fc.nat(3) })
  .map(({ lost, edits }): Action[] => [
    ...[write('cloud'), arrives],
    { kind: 'snapshot', device: 0 },
    ...Array.from({ length: lost }, () => [write('cloud'), arrives]).flat(),
    ...Array.from({ length: edits }, () => write('edge')),
    { kind: 'copy back', device: 0, pick: 1 },
    ...Array.from({ length: lost }, () => write('cloud')),
  ])

/** Schedules in which a rule is needed, sooner or later. */
export function schedulesFor(rule: RuleNumber): fc.Arbitrary<Action[]> {
  return rule === 2 ? forkSchedule : schedule
}
