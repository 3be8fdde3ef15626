/** Adds to a count of readings by the number of a series or device. */
export function addCount(counts: Map<number, number>, of: number, count: number): void {
  counts.set(of, (counts.get(of) ?? 0) + count)
}
