import { equal, isObject, type Json, type Maybe, MISSING, member, pointerTo } from './json.ts'
import type { Decided } from './merge.ts'
import type { Rev, Revision } from './revision.ts'

/**
 * One row of the change log. The log has every value that is no longer in force: as `old` if an edit based on it
 * replaced it, as `lost` if it collided with another edit and lost.
 */
export interface Change {
  readonly device: string
  /** UTC milliseconds. */
  readonly at: number
  /** The revision that the change made. */
  readonly rev: Rev
  /** JSON Pointer; '' is the whole config. */
  readonly path: string
  readonly by: string
  /** The reason, in short: `edit`, `cloud`, `adopted`, `policy cloud`, `resolved by edge`. */
  readonly why: string
  /** The value before; absent: there was none. */
  readonly old?: Json
  /** The value after; absent: there is none. */
  readonly new?: Json
  /** The side whose value lost; `lost` is that value (absent: that side had deleted it). */
  readonly loser?: 'edge' | 'cloud'
  readonly lost?: Json
}

/**
 * A step with more differences is logged as one change of the whole config, with both texts, so that nothing is
 * missing.
 */
export const CHANGES_MAX = 64

interface Cause {
  readonly device: string
  readonly at: number
  readonly why: string
}

/** The changes from one revision to the next. @param from undefined: there was none */
export function changesBetween(from: Revision | undefined, to: Revision, cause: Cause): Change[] {
  const before = from?.config ?? MISSING
  const after = to.config ?? MISSING
  const found = differences('', before, after)
  const listed = found.length <= CHANGES_MAX ? found : [{ path: '', before, after }]
  return listed.map(({ path, before, after }) => ({
    ...cause,
    rev: to.rev,
    path,
    by: to.by,
    ...(before !== MISSING && { old: before }),
    ...(after !== MISSING && { new: after }),
  }))
}

/** The values that lost in collisions, each with the value that won. @param winner the revision with the decisions */
export function losses(
  collisions: readonly Decided[],
  sides: { readonly edge: Revision; readonly cloud: Revision },
  winner: Revision,
  cause: Omit<Cause, 'why'>,
): Change[] {
  const found = collisions.flatMap((collision) =>
    collision.decision.manual ? [] : lossesOf(collision, collision.decision.value, collision.decision.why),
  )
  const listed = found.length <= CHANGES_MAX ? found : wholeLosses(sides, winner)
  return listed.map((loss) => ({ ...cause, rev: winner.rev, by: sides[loss.loser].by, ...loss }))
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

/** The paths at which two values differ; it descends as long as both are objects. @param path JSON Pointer of both */
export function differences(path: string, before: Maybe, after: Maybe): Difference[] {
  if (equal(before, after)) return []
  if (!isObject(before) || !isObject(after)) return [{ path, before, after }]
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].flatMap((key) => differences(pointerTo(path, key), member(before, key), member(after, key)))
}
