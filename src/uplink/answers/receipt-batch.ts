import type { SeqRange } from '../../base/reading.ts'
import { RECEIPT_RANGES_MAX, type Receipt } from '../../codec/receipt.ts'

/** The answer of the receiver for batches. */
export type Answer = Pick<Receipt, 'epoch' | 'run' | 'ranges' | 'high' | 'kind'>

interface Open {
  readonly answer: Answer
  readonly ranges: SeqRange[]
  readonly stored: Promise<void>
}

/**
 * A receiver confirms several batches at once, after its commit. All receipts that come with one read of the socket
 * are stored in one transaction, with one sync of the disk. It merges at most the messages that the link hands over and
 * has not settled yet (`messagesOpenMax`), and at most as many ranges as one receipt may have.
 */
export class ReceiptBatch {
  readonly #store: (answer: Answer) => Promise<void>
  #open: Open | undefined

  /** @param store stores the merged answer */
  constructor(store: (answer: Answer) => Promise<void>) {
    this.#store = store
  }

  /** Resolves when the answer is stored. @throws whatever `store` throws */
  async take(answer: Answer): Promise<void> {
    const open = this.#open
    if (open !== undefined && isAlike(open.answer, answer) && hasRoom(open, answer)) {
      open.ranges.push(...answer.ranges)
      this.#open = { ...open, answer: { ...answer, high: Math.max(open.answer.high, answer.high) } }
      return await open.stored
    }
    if (open !== undefined || answer.kind !== 'stored') return await this.#store(answer)
    const ranges = [...answer.ranges]
    const stored = new Promise((resolve) => setImmediate(resolve)).then(() => {
      const merged = { ...this.#open!.answer, ranges }
      this.#open = undefined
      return this.#store(merged)
    })
    this.#open = { answer, ranges, stored }
    await stored
  }
}

function hasRoom({ ranges }: Open, more: Answer): boolean {
  return ranges.length + more.ranges.length <= RECEIPT_RANGES_MAX
}

function isAlike(a: Answer, b: Answer): boolean {
  return a.kind === b.kind && a.epoch === b.epoch && a.run === b.run
}
