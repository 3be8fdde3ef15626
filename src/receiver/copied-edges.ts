import type { Log } from '../base/log.ts'
import { knowsNameInUse } from '../codec/run-name.ts'
import { type Line, Lines } from './lines.ts'
import type { Opened } from './open-message.ts'

/** Edges that are watched; later ones are not. */
const EDGES_MAX = 10_000
/**
 * This number of returns to an earlier line within this time (ms) means two edges with one name. Fewer can be messages of an
 * earlier run that the broker delivers late.
 */
const RETURNS_MIN = 5
const RETURNS_MS = 600_000
/** An edge that still sends this long (ms) after it was refused was resumed by an operator. */
const RESUMED_MS = 10_000
const NAMES_SHOWN = 20

interface Watched {
  readonly lines: Lines
  last: Line
  /** Monotonic ms of the last returns. */
  readonly returns: number[]
  copiedAt: number
}

type Sender = Pick<Opened, 'edge' | 'run'>

/**
 * Finds edges that run twice with one name, such as a copy of a machine: messages of two lines (lines.ts) come in turn. The
 * line that came later is refused (`name-in-use`), until an operator lets it send again: then it is refused only if the two
 * send in turn once more. An edge that lost its data folder is a new line, and its former line does not come back.
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

  /** Whether another edge has the name of the sender, and the sender must wait. @param now monotonic ms */
  isInUse({ edge, run }: Sender, now: number): boolean {
    if (edge === undefined || !knowsNameInUse(run)) return false
    const line = this.#edges.get(edge)?.lines.find(run)
    return line?.isLater === true && !isResumed(line, now)
  }

  /** A message was answered. @param now monotonic ms; `isRefused`: because the name is in use */
  note({ edge, run }: Sender, now: number, isRefused = false): void {
    if (edge === undefined || run === '') return
    const known = this.#edges.get(edge)
    if (known === undefined) {
      if (this.#edges.size >= EDGES_MAX) return
      const lines = new Lines()
      const { line } = lines.note(run, now)
      this.#edges.set(edge, { lines, last: line, returns: [], copiedAt: Number.NEGATIVE_INFINITY })
      return
    }
    const { lines, last, returns } = known
    const { line, isBack } = lines.note(run, now)
    known.last = line
    if (isRefused) line.refusedAt ??= now
    else if (isResumed(line, now)) {
      Object.assign(line, { isLater: false, refusedAt: undefined })
      returns.length = 0
    }
    if (!isBack || line === last) return
    returns.push(now)
    if (returns.length > RETURNS_MIN) returns.shift()
    if (returns.length < RETURNS_MIN || now - returns[0]! > RETURNS_MS) return
    lines.later(line, last).isLater = true
    if (now - known.copiedAt >= RETURNS_MS) {
      this.#log.warn({ edge, runs: lines.runs }, 'two edges have the same name: give each a name of its own')
    }
    known.copiedAt = now
  }
}

function isResumed({ refusedAt }: Line, now: number): boolean {
  return refusedAt !== undefined && now - refusedAt >= RESUMED_MS
}
