import type { Receipt } from '../codec/receipt.ts'

/** The answer of the receiver for batches. */
export type Answer = Pick<Receipt, 'epoch' | 'run' | 'ranges' | 'high' | 'kind'>

/**
 * A receiver confirms several batches at once, after its commit. All receipts that come with one read of the socket
 * are stored in one transaction, with one sync of the disk. It merges at most the messages that the link hands over and
 * has not settled yet (`messagesOpenMax`).
 */
export class ReceiptBatch {
  readonly #store: (answer: Answer) => Promise<void>
  #open: { readonly answer: Answer; readonly stored: Promise<void> } | undefined

  /** @param store stores the merged answer */
  constructor(store: (answer: Answer) => Promise<void>) {
    this.#store = store
  }

  /** Resolves when the answer is stored. @throws whatever `store` throws */
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
