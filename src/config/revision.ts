import type { JsonObject } from './json.ts'

/**
 * The name of a revision. `c` counts what the cloud made, `e` what the edge made. `ci` is raised when a cloud is restored,
 * `ei` is random and new with every edge database: counters of one incarnation say nothing about those of another.
 */
export interface Rev {
  readonly c: number
  readonly ci: number
  readonly e: number
  readonly ei: string
}

/** A config under its name. `hash` is `hashOf(config)`, of null for a deleted one. */
export interface Revision {
  readonly rev: Rev
  /** The newest revision of the other side that this one includes, if there is one. */
  readonly base: Rev | null
  readonly hash: string
  /** The config, or null: it was deleted, and this is its tombstone. */
  readonly config: JsonObject | null
  /** Hybrid logical clock of the newest edit in it; ranks inside `lww` and nowhere else. */
  readonly hlc: string
  /** Who made it: `user:alice`, `device:pump-17`, `merge`. */
  readonly by: string
  /** A cloud revision may close a conflict: its `cid`. */
  readonly resolves?: string
}

/** What a cloud revision carries before any edge has made one. */
export const NO_EDGE: Pick<Rev, 'e' | 'ei'> = { e: 0, ei: '' }

/** Whether b includes a: both counters say so, and both sides are the same incarnation. A partial order. */
export function includes(b: Rev, a: Rev): boolean {
  return a.ci === b.ci && a.ei === b.ei && a.c <= b.c && a.e <= b.e
}

export function sameRev(a: Rev | null | undefined, b: Rev | null | undefined): boolean {
  if (!a || !b) return !a && !b
  return a.c === b.c && a.ci === b.ci && a.e === b.e && a.ei === b.ei
}

/** For people: `c12.1-e7.k3f9x2ab`. */
export function formatRev({ c, ci, e, ei }: Rev): string {
  return `c${c}.${ci}-e${e}.${ei}`
}

/** Reads what `formatRev` writes; undefined for anything else. */
export function parseRev(text: string): Rev | undefined {
  const found = /^c(\d+)\.(\d+)-e(\d+)\.([A-Za-z0-9_-]*)$/.exec(text)
  if (found === null) return undefined
  const rev = { c: Number(found[1]), ci: Number(found[2]), e: Number(found[3]), ei: found[4]! }
  return [rev.c, rev.ci, rev.e].every(Number.isSafeInteger) ? rev : undefined
}
