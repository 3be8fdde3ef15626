import { SeqSet } from '../../base/ranges.ts'
import type { SeqRange } from '../../base/reading.ts'
import type { Sending } from '../outbox.ts'

/**
 * Every position that has left over this uplink in this run, answered or not: a receipt counts for nothing else. Batches
 * that are packed and still wait are not included.
 */
export class SentRanges {
  readonly #positions = new SeqSet()
  #sending: Sending = { epoch: '', run: '' }

  add({ epoch, run }: Sending, range: SeqRange): void {
    if (!this.#isOf({ epoch, run })) {
      this.#positions.clear()
      this.#sending = { epoch, run }
    }
    this.#positions.add(range)
  }

  /** The parts of these ranges that were sent under this identity, and those that were not. */
  split(sending: Sending, ranges: readonly SeqRange[]): { readonly sent: SeqRange[]; readonly unsent: SeqRange[] } {
    if (!this.#isOf(sending)) return { sent: [], unsent: [...ranges] }
    const sent: SeqRange[] = []
    const unsent: SeqRange[] = []
    for (const { first, last } of ranges) {
      for (let part = this.#positions.from(first); part !== undefined && part.first <= last; ) {
        sent.push({ first: Math.max(first, part.first), last: Math.min(last, part.last) })
        part = this.#positions.from(part.last + 1)
      }
      unsent.push(...this.#positions.missing({ first, last }))
    }
    return { sent, unsent }
  }

  #isOf({ epoch, run }: Sending): boolean {
    return this.#sending.epoch === epoch && this.#sending.run === run
  }
}
