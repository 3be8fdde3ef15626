import type { Verdict } from '../../base/reading.ts'
import { HISTORICAL, worstClaim } from '../claim.ts'
import type { Fields } from '../fields.ts'
import type { TreeObject } from '../tree.ts'

/** What an object passes to the readings inside it. */
export interface Scope {
  /** UTC milliseconds. */
  readonly ts: number
  readonly timed: boolean
  /** HISTORICAL inside an object with a backfill mark. */
  readonly mark: Verdict | undefined
  /** The quality that an enclosing object gives. */
  readonly quality: Verdict | undefined
  /** What is wrong with the time. */
  readonly timeClaim: Verdict | undefined
  /** Whether an array around it has given its elements times by a rate. */
  readonly sampled: boolean
  /** Number of enclosing objects and arrays; limits the parts of a dotted name. */
  readonly nesting: number
  /** The innermost object, and the scope around it; undefined at the root. */
  readonly object: TreeObject | undefined
  readonly outer: Scope | undefined
}

/** The scope inside an object: its own members override those of the enclosing object. */
export function innerScope(outer: Scope, { ts, timeClaim, historical }: Fields, object: TreeObject): Scope {
  return {
    ts: ts ?? outer.ts,
    timed: ts !== undefined || outer.timed,
    timeClaim: ts === undefined ? (timeClaim ?? outer.timeClaim) : timeClaim,
    quality: outer.quality,
    mark: historical === undefined ? outer.mark : historical ? HISTORICAL : undefined,
    sampled: outer.sampled,
    nesting: outer.nesting + 1,
    object,
    outer,
  }
}

/** The scope of an array inside an array. */
export function deeper(scope: Scope): Scope {
  return { ...scope, nesting: scope.nesting + 1 }
}

/** The scope with a quality for all readings inside. */
export function withQuality(scope: Scope, claim: Verdict | undefined): Scope {
  if (claim === undefined) return scope
  return { ...scope, quality: scope.quality === undefined ? claim : worstClaim(scope.quality, claim) }
}
