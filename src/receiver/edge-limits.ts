/** What one edge may create in a sink. What is stored already is never removed because of these limits. */
export interface EdgeLimits {
  /** Edges with readings; a batch of one more is refused. */
  readonly edgesMax: number
  /** Epochs of one edge; a batch of one more is refused. An edge begins one when its database was set back in time. */
  readonly epochsPerEdgeMax: number
  /** Series that one edge may create; a batch that needs one more is refused. */
  readonly seriesPerEdgeMax: number
}

export const EDGE_LIMITS: EdgeLimits = { edgesMax: 10_000, epochsPerEdgeMax: 1_000, seriesPerEdgeMax: 1_000_000 }

/**
 * Ranges of positions of one epoch: a new range that touches none of them is refused beyond it. A receiver holds them in
 * memory. Batches of Tidegate's edges have one range each, which touches the one before.
 */
export const LOG_RANGES_MAX = 100_000

export const TOO_MANY_RANGES = `the positions of this epoch have more than ${LOG_RANGES_MAX} gaps`

export function tooManyEdges({ edgesMax }: Pick<EdgeLimits, 'edgesMax'>): string {
  return `the receiver has readings of ${edgesMax} edges already (its setting \`edgesMax\`)`
}

export function tooManyEpochs({ epochsPerEdgeMax }: Pick<EdgeLimits, 'epochsPerEdgeMax'>): string {
  return `the receiver has ${epochsPerEdgeMax} epochs of this edge already (its setting \`epochsPerEdgeMax\`)`
}

export function tooManySeries({ seriesPerEdgeMax }: Pick<EdgeLimits, 'seriesPerEdgeMax'>): string {
  return `this edge has created ${seriesPerEdgeMax} series in the receiver already (its setting \`seriesPerEdgeMax\`)`
}

/**
 * Further verdicts of this edge that may wait for their readings: an edge may have half of what the others leave.
 * @param waiting the number that waits, by edge
 */
export function pendingRoom(waiting: ReadonlyMap<string, number>, edge: string, pendingMax: number): number {
  const own = waiting.get(edge) ?? 0
  const all = [...waiting.values()].reduce((sum, count) => sum + count, 0)
  return Math.floor((pendingMax - (all - own)) / 2) - own
}

export function tooManyPending({ pendingMax }: { readonly pendingMax: number }): string {
  return `this edge has half of the free room for verdicts that wait for their readings (${pendingMax} of all edges)`
}
