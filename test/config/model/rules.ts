import fc from 'fast-check'
import type { RuleNumber } from '../../../src/config/edge/state.ts'
import { type Action, schedule } from './actions.ts'
import type { Invariant } from './invariants.ts'

/** The invariant that each of the edge's rules protects: without the rule, it does not hold. */
export const PURPOSE: Readonly<Record<RuleNumber, Invariant>> = { 1: 8, 2: 1, 3: 8, 4: 4, 5: 7, 6: 3 }

const write = (side: 'edge' | 'cloud'): Action => {
  return { kind: 'edit', side, device: 0, change: { kind: 'write', path: '/a' }, crash: 'none' }
}
const arrives: Action = { kind: 'deliver', to: 'edge', device: 0, pick: 0, crash: 'none', again: false }

/**
 * The cloud's database is replaced by an older copy without `restore`, and the cloud then writes as many revisions as
 * it lost: two contents have the same name. The `edits` at the edge are not acknowledged before.
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

/** Schedules some of which need the rule. */
export function schedulesFor(rule: RuleNumber): fc.Arbitrary<Action[]> {
  return rule === 2 ? forkSchedule : schedule
}
