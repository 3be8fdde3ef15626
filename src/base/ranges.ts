import type { Seq, SeqRange } from './reading.ts'

/** Fewer intervals than this are added one by one. */
const MERGED_ONE_BY_ONE_MAX = 16

/**
 * A set of log positions kept as sorted, disjoint, non-adjacent closed intervals, for example the positions that are
 * confirmed, in flight, or received. Memory grows with the number of gaps, not of positions. Positions are safe
 * integers.
 */
export class SeqSet implements Iterable<SeqRange> {
  readonly #ranges: SeqRange[] = []

  constructor(ranges: Iterable<SeqRange> = []) {
    for (const range of ranges) this.add(range)
  }

  /** The number of intervals. */
  get size(): number {
    return this.#ranges.length
  }

  /** The number of positions. */
  get count(): number {
    return this.#ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0)
  }

  get highest(): Seq | undefined {
    return this.#ranges.at(-1)?.last
  }

  [Symbol.iterator](): Iterator<SeqRange> {
    return this.#ranges.values()
  }

  /** Index of the first interval whose end is at or after `seq`. */
  #indexOf(seq: Seq): number {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#ranges[middle]!.last < seq) low = middle + 1
      else high = middle
    }
    return low
  }

  has(seq: Seq): boolean {
    const range = this.#ranges[this.#indexOf(seq)]
    return range !== undefined && range.first <= seq
  }

  /** The interval that contains `seq`, if any. */
  around(seq: Seq): SeqRange | undefined {
    const range = this.#ranges[this.#indexOf(seq)]
    return range !== undefined && range.first <= seq ? range : undefined
  }

  /** The first interval that begins at or after `seq`, or contains it. */
  from(seq: Seq): SeqRange | undefined {
    return this.#ranges[this.#indexOf(seq)]
  }

  /** Positions mostly come in rising order: adding at the end of the set needs no search and moves nothing. */
  add({ first, last }: SeqRange): void {
    if (first > last) return
    const tail = this.#ranges.at(-1)
    if (tail === undefined || first > tail.last + 1) {
      this.#ranges.push({ first, last })
    } else if (first >= tail.first) {
      if (last > tail.last) this.#ranges[this.#ranges.length - 1] = { first: tail.first, last }
    } else {
      this.#merge(first, last)
    }
  }

  /**
   * Adds ascending intervals. Many at once are merged in one pass: one by one, each that is not at the end moves all
   * that follow it.
   */
  addAll(ranges: readonly SeqRange[]): void {
    const begins = ranges[0]
    if (begins === undefined) return
    if (ranges.length < MERGED_ONE_BY_ONE_MAX) {
      for (const range of ranges) this.add(range)
      return
    }
    const kept = this.#ranges.splice(this.#indexOf(begins.first - 1))
    let next = 0
    for (const range of ranges) {
      while (next < kept.length && kept[next]!.first < range.first) this.add(kept[next++]!)
      this.add(range)
    }
    while (next < kept.length) this.add(kept[next++]!)
  }

  /** Inserts an interval and merges it with those that it overlaps or touches. */
  #merge(first: Seq, last: Seq): void {
    const start = this.#indexOf(first - 1)
    let end = start
    let low = first
    let high = last
    for (let range = this.#ranges[end]; range !== undefined && range.first <= last + 1; range = this.#ranges[++end]) {
      low = Math.min(low, range.first)
      high = Math.max(high, range.last)
    }
    this.#ranges.splice(start, end - start, { first: low, last: high })
  }

  remove({ first, last }: SeqRange): void {
    if (first > last) return
    const start = this.#indexOf(first)
    let end = start
    const kept: SeqRange[] = []
    for (let range = this.#ranges[end]; range !== undefined && range.first <= last; range = this.#ranges[++end]) {
      if (range.first < first) kept.push({ first: range.first, last: first - 1 })
      if (range.last > last) kept.push({ first: last + 1, last: range.last })
    }
    this.#ranges.splice(start, end - start, ...kept)
  }

  /** The parts of `range` that are not in the set, ascending. */
  missing({ first, last }: SeqRange): SeqRange[] {
    const gaps: SeqRange[] = []
    let next = first
    for (let i = this.#indexOf(first); next <= last; i++) {
      const range = this.#ranges[i]
      if (range === undefined || range.first > last) {
        gaps.push({ first: next, last })
        break
      }
      if (range.first > next) gaps.push({ first: next, last: range.first - 1 })
      next = range.last + 1
    }
    return gaps
  }

  clear(): void {
    this.#ranges.length = 0
  }
}
