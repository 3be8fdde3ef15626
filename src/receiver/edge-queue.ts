/** What waits, in the order of arrival for each edge. Edges take turns, so that a busy one does not delay the others. */
export class EdgeQueue<T> {
  /** The edge whose turn is next comes first. */
  readonly #waiting = new Map<string, T[]>()

  get isEmpty(): boolean {
    return this.#waiting.size === 0
  }

  push(edge: string, one: T): void {
    const others = this.#waiting.get(edge)
    if (others === undefined) this.#waiting.set(edge, [one])
    else others.push(one)
  }

  /** The edge whose turn it is, without those that are passed over, and the first that waits of it. */
  next(passed: ReadonlySet<string>): readonly [edge: string, one: T] | undefined {
    for (const [edge, [one]] of this.#waiting) if (!passed.has(edge)) return [edge, one!]
    return undefined
  }

  /** Removes the first that waits of this edge; then it is the turn of the others. */
  shift(edge: string): void {
    const [, ...others] = this.#waiting.get(edge) ?? []
    this.#waiting.delete(edge)
    if (others.length > 0) this.#waiting.set(edge, others)
  }

  /** Removes and returns all of them. */
  clear(): T[] {
    const all = [...this.#waiting.values()].flat()
    this.#waiting.clear()
    return all
  }
}
