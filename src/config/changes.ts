import { equal, isObject, type Json, type Maybe, MISSING, member, pointerTo } from './json.ts'
import type { Decided } from './merge.ts'
import type { Rev, Revision } from './revision.ts'

/**
 * One row of the change log. Every value that stops being in force stands in it: as `old` where an edit that knew it
 * replaced it, as `lost` where it met another edit and lost.
 */
export interface Change {
  readonly device: string
  /** UTC milliseconds. */
  readonly at: number
  /** The revision that the change made. */
  readonly rev: Rev
  /** JSON pointer; '' is the whole config. */
  readonly path: string
  readonly by: string
  /** Why, as a word or two: `edit`, `cloud`, `adopted`, `policy cloud`, `resolved by edge`. */
  readonly why: string
  /** Before; absent: there was nothing. */
  readonly old?: Json
  /** After; absent: there is nothing. */
  readonly new?: Json
  /** The side whose value lost. Then `lost` is that value; absent: it had been deleted there. */
  readonly loser?: 'edge' | 'cloud'
  readonly lost?: Json
}

/** A step with more differences is logged as one change of the whole config, with both texts: nothing is left out. */
export const CHANGES_MAX = 64

interface Cause {
  readonly device: string
  readonly at: number
  readonly why: string
}

/** What a step from one revision to the next changed. */
export function changesBetween(from: Revision | undefined, to: Revision, cause: Cause): Change[] {
  const before = from?.config ?? MISSING
  const after = to.config ?? MISSING
  const found = differences('', before, after)
  const told = found.length <= CHANGES_MAX ? found : [{ path: '', before, after }]
  return told.map(({ path, before, after }) => ({
    ...cause,
    rev: to.rev,
    path,
    by: to.by,
    ...(before !== MISSING && { old: before }),
    ...(after !== MISSING && { new: after }),
  }))
}

/** The values that lost in collisions, and what won. `winner` has them decided in its config. */
export function losses(
  collisions: readonly Decided[],
  sides: { readonly edge: Revision; readonly cloud: Revision },
  winner: Revision,
  cause: Omit<Cause, 'why'>,
): Change[] {
  const found = collisions.flatMap((collision) =>
    collision.decision.manual ? [] : lossesOf(collision, collision.decision.value, collision.decision.why),
  )
  const told = found.length <= CHANGES_MAX ? found : wholeLosses(sides, winner)
  return told.map((loss) => ({ ...cause, rev: winner.rev, by: sides[loss.loser].by, ...loss }))
}

type Loss = Pick<Change, 'path' | 'why' | 'new' | 'lost'> & { readonly loser: 'edge' | 'cloud' }

function lossesOf(sides: Pick<Decided, 'path' | 'edge' | 'cloud'>, value: Maybe, why: string): Loss[] {
  return (['edge', 'cloud'] as const)
    .filter((side) => !equal(sides[side], value))
    .map((loser) => ({
      path: sides.path,
      why,
      ...(value !== MISSING && { new: value }),
      loser,
      ...(sides[loser] !== undefined && { lost: sides[loser] }),
    }))
}

function wholeLosses(sides: { readonly edge: Revision; readonly cloud: Revision }, winner: Revision): Loss[] {
  const edge = sides.edge.config
  const cloud = sides.cloud.config
  const whole = { path: '', ...(edge !== null && { edge }), ...(cloud !== null && { cloud }) }
  return lossesOf(whole, winner.config ?? MISSING, `more than ${CHANGES_MAX} places`)
}

interface Difference {
  readonly path: string
  readonly before: Maybe
  readonly after: Maybe
}

/** Where two values differ, as deep as both are objects. */
export function differences(path: string, before: Maybe, after: Maybe): Difference[] {
  if (equal(before, after)) return []
  if (!isObject(before) || !isObject(after)) return [{ path, before, after }]
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].flatMap((key) => differences(pointerTo(path, key), member(before, key), member(after, key)))
}
