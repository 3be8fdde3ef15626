import { SeqSet } from '../../src/base/ranges.ts'
import type { SeqRange } from '../../src/base/reading.ts'
import type { Ask, Lane, Outbox, Outgoing, Refusal, Sending } from '../../src/uplink/outbox.ts'

type Confirmation = Parameters<Outbox['confirm']>[0]

/** The content of a batch of `ScriptedOutbox` on the wire. */
export interface Label {
  readonly kind: 'batch' | 'amendments'
  readonly epoch: string
  readonly run: string
  readonly range: SeqRange
}

const FRESH_FROM = 1_000_000

/**
 * An outbox without a disk: positions 1 … `lastSeq`, in batches of `batchReadings`, and a list of the confirmations.
 */
export class ScriptedOutbox implements Outbox {
  epoch = 'epoch-1'
  readonly run = 'run-1'
  lastSeq = 0
  batchReadings = 10
  /** The lane of the positions up to `lastSeq`. */
  lane: Lane = 'live'
  /** The number of additional readings that were just stored. */
  fresh = 0
  /** The last amendment. */
  lastAmendment = 0
  /** The wait that is returned when there is nothing to send; undefined: until something new is stored. */
  waitMs: number | undefined
  /** True: every message has the maximum size. */
  padded = false
  /** With fewer readings than this, `next` waits. */
  company = 1
  readonly confirmed = new SeqSet()
  readonly confirmations: Confirmation[] = []
  /** The ranges that were refused, and the result of refusing. */
  readonly refused: SeqRange[] = []
  refusal: Refusal = 'halved'
  confirmedAmendment = 0
  /** The number of calls of `next`. */
  asked = 0
  releases = 0
  readonly #inFlight = new SeqSet()
  #takenAmendment = 0

  /** Everything is in one lane, except `fresh` readings. */
  async next({ live, backfill }: Ask): Promise<Outgoing> {
    this.asked++
    const { epoch, run, lane } = this
    if (live > 0 && this.fresh > 0) {
      const range = { first: FRESH_FROM, last: FRESH_FROM + this.fresh - 1 }
      this.fresh = 0
      const label = { kind: 'batch', epoch, run, range } as const
      return {
        ...label,
        lane: 'live',
        backlog: this.#hasBacklog,
        bytes: this.#label(label, live),
        count: countOf(range),
      }
    }
    const bytesMax = lane === 'live' ? live : backfill
    if (bytesMax === 0) return { kind: 'wait', ms: undefined, backlog: this.#hasBacklog }
    const { left, gap } = this.#left
    if (gap !== undefined && left >= this.company) {
      const range = { first: gap.first, last: Math.min(gap.last, gap.first + this.batchReadings - 1) }
      this.#inFlight.add(range)
      const label = { kind: 'batch', epoch, run, range } as const
      return { ...label, lane, backlog: this.#hasBacklog, bytes: this.#label(label, bytesMax), count: countOf(range) }
    }
    if (this.#takenAmendment < this.lastAmendment) {
      const range = { first: this.#takenAmendment + 1, last: this.lastAmendment }
      this.#takenAmendment = range.last
      const bytes = this.#label({ kind: 'amendments', epoch, run, range }, bytesMax)
      return {
        kind: 'amendments',
        backlog: this.#hasBacklog,
        bytes,
        epoch,
        run,
        lastId: range.last,
        count: countOf(range),
      }
    }
    return { kind: 'wait', ms: this.waitMs, backlog: this.#hasBacklog }
  }

  /** The number of readings that are neither taken nor confirmed, and the first gap of them. */
  get #left(): { readonly left: number; readonly gap: SeqRange | undefined } {
    const taken = new SeqSet([...this.confirmed, ...this.#inFlight])
    return { left: this.lastSeq - taken.count, gap: taken.missing({ first: 1, last: this.lastSeq })[0] }
  }

  get #hasBacklog(): boolean {
    return this.lane === 'backfill' && this.#left.left > 0
  }

  /** The number of readings that are taken and not confirmed. */
  get taken(): number {
    return [...this.#inFlight].reduce((sum, range) => sum + countOf(range), 0) - this.confirmed.count
  }

  #label(label: Label, bytesMax: number): Uint8Array {
    return Buffer.from(JSON.stringify(label).padEnd(this.padded ? bytesMax : 0))
  }

  async confirm(confirmation: Confirmation): Promise<{ count: number; renewed: boolean }> {
    this.confirmations.push(confirmation)
    if (!this.#isOurs(confirmation)) return { count: 0, renewed: false }
    if (confirmation.forked) {
      this.epoch += '+'
      return { count: 0, renewed: true }
    }
    const before = this.confirmed.count
    for (const range of confirmation.ranges) this.confirmed.add(range)
    return { count: this.confirmed.count - before, renewed: false }
  }

  async confirmAmendments({ lastId, ...sending }: Sending & { lastId: number }): Promise<number> {
    if (this.#isOurs(sending)) this.confirmedAmendment = lastId
    return 0
  }

  #isOurs({ epoch, run }: Sending): boolean {
    return epoch === this.epoch && run === this.run
  }

  /** Only records the refusal; nothing is parked. */
  async refuse({ range }: { readonly range: SeqRange }): Promise<Refusal> {
    this.refused.push(range)
    this.#inFlight.remove(range)
    return this.refusal
  }

  async confirmMessages(): Promise<void> {}

  async refuseMessage(): Promise<number> {
    return 0
  }

  async requestResend({ ranges }: { readonly ranges: readonly SeqRange[] }): Promise<void> {
    for (const range of ranges) this.confirmed.remove(range)
  }

  async spent(): Promise<undefined> {}

  async pause(): Promise<boolean> {
    return false
  }

  async pausedSince(): Promise<undefined> {}

  async release(): Promise<void> {
    this.releases++
    this.#inFlight.clear()
    this.#takenAmendment = this.confirmedAmendment
  }
}

function countOf({ first, last }: SeqRange): number {
  return last - first + 1
}

export function readLabel(payload: Uint8Array): Label {
  return JSON.parse(Buffer.from(payload).toString()) as Label
}
