import type { Opened } from './open-message.ts'
import type { StoreResult } from './sink.ts'

/** Edges with counters of their own; edges that come later are counted in the totals only. */
const EDGES_MAX = 10_000

export interface EdgeStats {
  readonly readings: number
  readonly repeats: number
  /** UTC milliseconds of the latest commit with something of this edge. */
  readonly receivedAt: number
}

/** Since the start of the receiver. */
export interface Counts {
  /** Batches that are in the sink. */
  readonly batches: number
  /** Readings that were new. */
  readonly readings: number
  /** Readings that were stored before. */
  readonly repeats: number
  /** Messages with changed verdicts that are in the sink. */
  readonly amended: number
  /** Messages that were rejected. */
  readonly rejected: number
  /** Batches of an edge whose database was set back in time. */
  readonly forked: number
  /** Messages that were not stored, because another edge with the same name was there first. */
  readonly nameInUse: number
  readonly edges: Readonly<Record<string, EdgeStats>>
}

/** Counts committed messages. */
export class Tally {
  #counts = { batches: 0, readings: 0, repeats: 0, amended: 0, rejected: 0, forked: 0, nameInUse: 0 }
  readonly #edges = new Map<string, EdgeStats>()

  get rejected(): number {
    return this.#counts.rejected
  }

  get forked(): number {
    return this.#counts.forked
  }

  get counts(): Counts {
    return { ...this.#counts, edges: Object.fromEntries(this.#edges) }
  }

  add({ edge, delivery }: Opened, result: StoreResult | undefined, receivedAt: number): void {
    const counts = this.#counts
    if (result === undefined) counts.nameInUse++
    else if (result.kind === 'stored' && delivery.kind === 'batch') {
      const readings = delivery.batch.count - result.repeats
      counts.batches++
      counts.readings += readings
      counts.repeats += result.repeats
      this.#addEdge(delivery.batch.edge, { readings, repeats: result.repeats, receivedAt })
    } else if (result.kind === 'amended') counts.amended++
    else if (result.kind === 'forked') counts.forked++
    else counts.rejected++
    if (edge !== undefined && result?.kind === 'amended') this.#addEdge(edge, { readings: 0, repeats: 0, receivedAt })
  }

  #addEdge(edge: string, more: EdgeStats): void {
    const before = this.#edges.get(edge)
    if (before === undefined && this.#edges.size >= EDGES_MAX) return
    const { readings, repeats } = before ?? { readings: 0, repeats: 0 }
    const { receivedAt } = more
    this.#edges.set(edge, { readings: readings + more.readings, repeats: repeats + more.repeats, receivedAt })
  }
}
