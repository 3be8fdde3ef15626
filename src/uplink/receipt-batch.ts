import type { Receipt } from '../codec/receipt.ts'

/** What the far side says of batches. */
export type Answer = Pick<Receipt, 'epoch' | 'run' | 'ranges' | 'high' | 'kind'>

/**
 * A receiver answers for several batches at once, after its commit. What the same read of the socket brings is stored in one
 * transaction, with one sync of the disk. There are never more of them than messages that a link has open.
 */
export class ReceiptBatch {
  readonly #store: (answer: Answer) => Promise<void>
  #open: { readonly answer: Answer; readonly stored: Promise<void> } | undefined

  /** @param store stores what was gathered */
  constructor(store: (answer: Answer) => Promise<void>) {
    this.#store = store
  }

  /** Resolves when the answer is stored. @throws what storing threw */
  async take(answer: Answer): Promise<void> {
    const open = this.#open
    if (open !== undefined && isAlike(open.answer, answer)) {
      const high = Math.max(open.answer.high, answer.high)
      this.#open = { ...open, answer: { ...answer, high, ranges: [...open.answer.ranges, ...answer.ranges] } }
      return await open.stored
    }
    if (open !== undefined || answer.kind !== 'stored') return await this.#store(answer)
    const stored = new Promise((resolve) => setImmediate(resolve)).then(() => {
      const merged = this.#open!.answer
      this.#open = undefined
      return this.#store(merged)
    })
    this.#open = { answer, stored }
    await stored
  }
}

function isAlike(a: Answer, b: Answer): boolean {
  return a.kind === b.kind && a.epoch === b.epoch && a.run === b.run
}
