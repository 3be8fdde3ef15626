import { isNear } from './checksums.ts'
import { BUCKET_COLUMNS, RANGE_COLUMNS } from './history-peer.ts'
import type { Questions } from './history-questions.ts'

/** A description of the first difference between the answers of two peers to the same questions; undefined: they are equal. */
export function differenceOf({ range, buckets }: Questions, a: Uint8Array, b: Uint8Array): string | undefined {
  const [ours, theirs] = [new Answers(a), new Answers(b)]
  for (const [kind, questions, columns] of [
    ['range', range, RANGE_COLUMNS],
    ['buckets', buckets, BUCKET_COLUMNS],
  ] as const) {
    for (const question of questions) {
      const difference = differenceIn(ours.next(), theirs.next(), columns)
      if (difference !== undefined) return `${kind} ${JSON.stringify(question)}, ${difference}`
    }
  }
  return undefined
}

function differenceIn(a: Float64Array, b: Float64Array, columns: readonly string[]): string | undefined {
  const rows = a.length / columns.length
  if (a.length !== b.length) return `${rows} and ${b.length / columns.length} rows`
  if (rows === 0) return 'no rows at all'
  for (let i = 0; i < a.length; i++) {
    const column = columns[i % columns.length]!
    const same = column === 'sum' ? isNear(a[i]!, b[i]!) : Object.is(a[i], b[i])
    if (!same) return `row ${Math.floor(i / columns.length)}, ${column}: ${a[i]} and ${b[i]}`
  }
  return undefined
}

/** Answers as a child process writes them: the count of numbers, and then the numbers. */
class Answers {
  readonly #numbers: Float64Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#numbers = new Float64Array(Uint8Array.from(bytes).buffer)
  }

  next(): Float64Array {
    const start = this.#at + 1
    this.#at = start + this.#numbers[this.#at]!
    return this.#numbers.subarray(start, this.#at)
  }
}
