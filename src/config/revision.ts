import type { JsonObject } from './json.ts'

/**
 * The name of a revision. `c` counts the revisions of the cloud, `e` those of the edge. `ci` is raised when the cloud
 * is restored; `ei` is random and new with every edge database. Counters of different incarnations cannot be compared.
 */
export interface Rev {
  readonly c: number
  readonly ci: number
  readonly e: number
  readonly ei: string
}

/** A config with its name. `hash` is `hashOf(config)`, with null for a deleted config. */
export interface Revision {
  readonly rev: Rev
  /** The newest revision of the other side that this one includes; null: none. */
  readonly base: Rev | null
  readonly hash: string
  /** The config; null: it is deleted, and this is the tombstone. */
  readonly config: JsonObject | null
  /** Hybrid logical clock of the newest edit in it; only used by `lww`. */
  readonly hlc: string
  /** Who made it: `user:alice`, `device:pump-17`, `merge`. */
  readonly by: string
  /** The `cid` of a conflict that this cloud revision closes. */
  readonly resolves?: string
}

/** `e` and `ei` of a cloud revision before the edge has made any. */
export const NO_EDGE: Pick<Rev, 'e' | 'ei'> = { e: 0, ei: '' }

/** Whether b includes a: the same incarnations, and neither counter of a is larger. A partial order. */
export function includes(b: Rev, a: Rev): boolean {
  return a.ci === b.ci && a.ei === b.ei && a.c <= b.c && a.e <= b.e
}

export function sameRev(a: Rev | null | undefined, b: Rev | null | undefined): boolean {
  if (!a || !b) return !a && !b
  return a.c === b.c && a.ci === b.ci && a.e === b.e && a.ei === b.ei
}

/** A revision name as text: `c12.1-e7.k3f9x2ab`. */
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
