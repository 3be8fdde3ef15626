import type { Log } from '../base/log.ts'
import type { Opened } from './open-message.ts'

/** Edges that are watched; later ones are not. */
const EDGES_MAX = 10_000
/** Openings of a store (runs) that are remembered for an edge. */
const RUNS_MAX = 4
/**
 * This number of returns to an earlier run within this time (ms) means two edges with one name. Fewer can be messages of an
 * earlier run that the broker delivers late.
 */
const RETURNS_MIN = 5
const RETURNS_MS = 600_000
const NAMES_SHOWN = 20

interface Watched {
  /** The newest at the end. */
  readonly runs: string[]
  /** Monotonic ms of the last returns. */
  readonly returns: number[]
  copiedAt: number
}

/**
 * Finds edges that run twice with one name, such as a copy of a machine: their messages come from two runs in turn. Each
 * restart makes a new run, and an edge does not return to an earlier one.
 */
export class CopiedEdges {
  readonly #log: Log
  readonly #edges = new Map<string, Watched>()

  constructor(log: Log) {
    this.#log = log
  }

  /** The names of such edges, of the last ten minutes; at most 20. */
  names(now: number): string[] {
    const copied = [...this.#edges].filter(([, { copiedAt }]) => now - copiedAt < RETURNS_MS)
    return copied.slice(0, NAMES_SHOWN).map(([edge]) => edge)
  }

  /** A message was stored. @param now monotonic ms */
  note({ edge, run }: Pick<Opened, 'edge' | 'run'>, now: number): void {
    if (edge === undefined || run === '') return
    const known = this.#edges.get(edge)
    if (known === undefined) {
      if (this.#edges.size < EDGES_MAX)
        this.#edges.set(edge, { runs: [run], returns: [], copiedAt: Number.NEGATIVE_INFINITY })
      return
    }
    const { runs, returns } = known
    if (runs.at(-1) === run) return
    const at = runs.indexOf(run)
    if (at >= 0) runs.splice(at, 1)
    runs.push(run)
    if (runs.length > RUNS_MAX) runs.shift()
    if (at < 0) return
    returns.push(now)
    if (returns.length > RETURNS_MIN) returns.shift()
    if (returns.length < RETURNS_MIN || now - returns[0]! > RETURNS_MS) return
    if (now - known.copiedAt >= RETURNS_MS) {
      this.#log.warn({ edge, runs }, 'two edges have the same name: give each a name of its own')
    }
    known.copiedAt = now
  }
}
