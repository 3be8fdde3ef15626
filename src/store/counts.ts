/** Adds to the count of readings of a series or device, given by its id. */
export function addCount(counts: Map<number, number>, of: number, count: number): void {
  counts.set(of, (counts.get(of) ?? 0) + count)
}
