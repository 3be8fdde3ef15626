import type { Change } from '../../../src/config/changes.ts'
import { at, equal, type Json, keysOf, type Maybe, MISSING } from '../../../src/config/json.ts'
import { formatRev, type Rev, type Revision } from '../../../src/config/revision.ts'
import type { Checks } from './invariants.ts'

/** The paths that schedules write to. Each has a number or no value; its name shows its policy. */
export const LEAVES = ['/a', '/b', '/n/x', '/n/y', '/edge/e', '/manual/m', '/lww/l', '/max/m'] as const

/** One edit of one leaf, with all writes that its author knew. */
interface Write {
  readonly path: string
  readonly value: Maybe
  readonly seen: ReadonlySet<number>
  /** Set for a decision instead of an edit: the writes that lost. */
  readonly lost?: readonly number[]
}

export type History = ReadonlySet<number>

/** The writes that each revision of a device knows, recorded without its counters. Judges invariants 4 to 7 and 16. */
export class Histories {
  readonly #checks: Checks
  readonly #writes: Write[] = []
  readonly #of = new Map<string, History>()
  readonly #hashes = new Map<string, string>()

  constructor(checks: Checks) {
    this.#checks = checks
  }

  of(revision: { readonly rev: Rev } | null): History {
    return revision === null ? new Set() : (this.#of.get(formatRev(revision.rev)) ?? new Set())
  }

  ofName(rev: string): History | undefined {
    return this.#of.get(rev)
  }

  /** Whether `newer` knows every write of `older`. */
  static within(older: History, newer: History): boolean {
    return [...older].every((id) => newer.has(id))
  }

  named(revision: Revision, history: History): void {
    const name = formatRev(revision.rev)
    const hash = this.#hashes.get(name)
    this.#checks.check(2, hash === undefined || hash === revision.hash, () => `${name} has two contents`)
    this.#hashes.set(name, revision.hash)
    this.#of.set(name, history)
  }

  /** An author who knew `before` edited it to `next`. */
  edited(before: Revision | null, next: Revision): void {
    const seen = this.of(before)
    const added = LEAVES.filter((path) => !equal(leaf(before, path), leaf(next, path))).map((path) =>
      this.#write({ path, value: leaf(next, path), seen }),
    )
    const edit = this.#write({ path: '', value: MISSING, seen }) // also when no leaf has changed
    this.named(next, new Set([...seen, ...added, edit]))
  }

  /** `made` merges both: it must contain the latest writes of both sides, except those that the log reports as lost. */
  merged(edge: Revision, remote: Revision, made: Revision, log: readonly Change[]): void {
    const seen = new Set([...this.of(edge), ...this.of(remote)])
    const decided: number[] = []
    for (const path of LEAVES) {
      const latest = this.#latest(seen, path)
      const value = leaf(made, path)
      for (const write of latest.map((id) => this.#writes[id]!)) {
        const { value: wanted } = write
        const isKept =
          equal(wanted, value) ||
          this.#isPrivate(write, edge, remote) ||
          log.some((change) => logsLoss(change, path, wanted))
        this.#checks.check(
          7,
          isKept,
          () => `${JSON.stringify(wanted)} at ${path} lost against ${JSON.stringify(value)}`,
        )
      }
      if (latest.length < 2 && latest.every((id) => this.#holds(id, value))) continue
      const all = [...seen].filter((id) => this.#writes[id]!.path === path)
      const won = this.#winners(latest, value, remote) ?? this.#winners(all, value, remote)
      if (won === undefined) decided.push(this.#write({ path, value, seen }))
      else decided.push(this.#write({ path: '', value, seen, lost: all.filter((id) => !won.includes(id)) }))
    }
    this.named(made, new Set([...seen, ...decided]))
  }

  /** The writes that have this value. If writes of both sides agree, the cloud's count: the cloud can replace them. */
  #winners(ids: readonly number[], value: Maybe, remote: Revision): readonly number[] | undefined {
    const equals = ids.filter((id) => this.#holds(id, value))
    const clouds = equals.filter((id) => this.of(remote).has(id))
    return clouds.length > 0 ? clouds : equals.length > 0 ? equals : undefined
  }

  #holds(id: number, value: Maybe): boolean {
    return equal(this.#writes[id]!.value, value)
  }

  /** A write without effect for the other side: a return to the common ancestor, or a removal of an absent value. */
  #isPrivate({ path, value, seen }: Write, edge: Revision, remote: Revision): boolean {
    const clouds = this.of(remote)
    const common = new Set([...this.of(edge)].filter((id) => clouds.has(id)))
    const ancestors = this.#latest(common, path)
    if (ancestors.length > 0 && ancestors.every((id) => this.#holds(id, value))) return true
    return value === MISSING && ![...seen].some((id) => common.has(id) && this.#writes[id]!.path === path)
  }

  #write(write: Write): number {
    return this.#writes.push(write) - 1
  }

  /** The writes of a leaf that no later write knew and that have not lost. */
  #latest(history: History, path: string): number[] {
    const lost = new Set([...history].flatMap((id) => this.#writes[id]!.lost ?? []))
    const ids = [...history].filter((id) => this.#writes[id]!.path === path && !lost.has(id))
    return ids.filter((id) => !ids.some((other) => this.#writes[other]!.seen.has(id)))
  }
}

export function leaf(revision: Revision | null, path: string): Maybe {
  return at(revision?.config ?? MISSING, path)
}

/** Whether the log reports this value, or an object that contains it, as lost at the path. */
function logsLoss(change: Change, path: string, value: Maybe): boolean {
  if (change.loser === undefined || !covers(change.path, path)) return false
  return equal(inside(change.lost, change.path, path), value)
}

/** Whether the log has this change of the value at the path. */
export function logsChange(change: Change, path: string, before: Maybe, after: Maybe): boolean {
  if (change.loser !== undefined || !covers(change.path, path)) return false
  return equal(inside(change.old, change.path, path), before) && equal(inside(change.new, change.path, path), after)
}

function covers(outer: string, path: string): boolean {
  return path === outer || path.startsWith(`${outer}/`)
}

function inside(value: Json | undefined, outer: string, path: string): Maybe {
  const rest = keysOf(path).slice(keysOf(outer).length)
  return at(value, rest.map((key) => `/${key}`).join(''))
}
