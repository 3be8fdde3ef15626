import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { SeqRange } from '../base/reading.ts'
import type { Receipt } from '../codec/receipt.ts'
import { type Message, type MessageLimits, type Opened, openMessage } from './open-message.ts'
import type { Delivery, Sink, StoreResult } from './sink.ts'
import { type Counts, Tally } from './tally.ts'

/** Messages that have come together share a commit until their readings exceed this. */
const COMMIT_READINGS = 80_000

/** Sends a receipt to an edge; resolves when it is on its way, and never rejects. */
export type Answer = (edge: string, receipt: Receipt) => Promise<void>

export interface IntakeOptions extends MessageLimits {
  readonly sink: Sink
  readonly clock: Clock
  readonly log: Log
}

/** What has come and is not settled. */
export interface Open {
  readonly messages: number
  readonly bytes: number
}

interface Waiting {
  /** One that is larger than allowed is opened when it comes, so that it need not be kept as a whole. */
  readonly message: Message | Opened
  readonly bytes: number
  readonly answer: Answer
  readonly resolve: () => void
  readonly reject: (failure: unknown) => void
}

/**
 * Messages become readings in the sink, in the order in which they came. What has come while the sink was at work goes
 * into one commit: the slower the disk, the bigger the commits. Receipts leave after the commit.
 */
export class Intake {
  readonly #options: IntakeOptions
  readonly #tally = new Tally()
  #waiting: Waiting[] = []
  #open = { messages: 0, bytes: 0 }
  #openMost = { messages: 0, bytes: 0 }
  #working: Promise<void> | undefined
  #trouble: string | undefined
  #commits = 0

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  get counts(): Counts {
    return this.#tally.counts
  }

  /** Commits so far. */
  get commits(): number {
    return this.#commits
  }

  /** Messages at work, now and at most since the start: the broker keeps the others. */
  get open(): Open & { readonly most: Open } {
    return { ...this.#open, most: { ...this.#openMost } }
  }

  /** Why the latest commit failed; undefined: it did not. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  /**
   * Resolves when what the message brought is committed and its receipt is on its way.
   * @throws what the sink threw; then no receipt was sent, and the message has to come again
   */
  async take(message: Message, answer: Answer): Promise<void> {
    const isLarge = message.payload.byteLength > this.#options.batchBytesMax
    const kept = isLarge ? openMessage(message, this.#options) : message
    const bytes = bytesOf(kept)
    this.#count(1, bytes)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiting.push({ message: kept, bytes, answer, resolve, reject })
    this.#working ??= this.#work()
    await promise.finally(() => this.#count(-1, -bytes))
  }

  #count(messages: number, bytes: number): void {
    const [now, most] = [this.#open, this.#openMost]
    this.#open = { messages: now.messages + messages, bytes: now.bytes + bytes }
    this.#openMost = {
      messages: Math.max(most.messages, this.#open.messages),
      bytes: Math.max(most.bytes, this.#open.bytes),
    }
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#working !== undefined) await this.#working
  }

  async #work(): Promise<void> {
    // What the same read of the socket brings belongs to the same commit.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) await this.#commit()
    this.#working = undefined
  }

  async #commit(): Promise<void> {
    const { sink, clock } = this.#options
    const group: Waiting[] = []
    try {
      const opened = this.#openNext(group)
      const receivedAt = clock.now()
      const results = await sink.store(
        opened.map(({ delivery }) => delivery),
        receivedAt,
      )
      this.#commits++
      this.#trouble = undefined
      for (const [i, one] of group.entries()) {
        this.#tally.add(opened[i]!, results[i]!, receivedAt)
        await this.#answer(opened[i]!, results[i]!, one.answer)
        one.resolve()
      }
    } catch (failure) {
      this.#trouble = `the sink did not store: ${messageOf(failure)}`
      this.#options.log.error({ err: failure }, 'nothing stored, no receipt: the messages come again')
      for (const one of [...group, ...this.#waiting.splice(0)]) one.reject(failure)
    }
  }

  /** Takes what waits into the group, in order, until it is enough for a commit. */
  #openNext(group: Waiting[]): Opened[] {
    const opened: Opened[] = []
    let readings = 0
    while (this.#waiting.length > 0 && readings < COMMIT_READINGS) {
      const next = this.#waiting.shift()!
      group.push(next)
      const one = 'delivery' in next.message ? next.message : openMessage(next.message, this.#options)
      opened.push(one)
      readings += one.delivery.kind === 'batch' ? Math.max(1, one.delivery.batch.count) : 1
    }
    return opened
  }

  async #answer(opened: Opened, result: StoreResult, answer: Answer): Promise<void> {
    const receipt = receiptOf(opened, result)
    this.#tell(opened, receipt)
    if (opened.edge !== undefined) await answer(opened.edge, receipt)
  }

  #tell({ edge }: Opened, { kind, epoch, reason, high }: Receipt): void {
    const { log } = this.#options
    if (kind === 'rejected') log.warn({ edge, reason }, 'a message was rejected')
    else if (kind === 'forked') log.error({ edge, epoch, high }, 'the database of an edge went back in time')
  }
}

/** Bytes that wait with a message. */
function bytesOf(kept: Message | Opened): number {
  if (!('delivery' in kept)) return kept.payload.byteLength
  return kept.delivery.kind === 'reject' ? kept.delivery.reject.payload.byteLength : 0
}

/** What the edge is told of its message. */
export function receiptOf({ epoch, run, refused, delivery }: Opened, result: StoreResult): Receipt {
  const answer = { epoch, run, ranges: [], high: 0, reason: undefined }
  switch (result.kind) {
    case 'stored':
    case 'forked':
      return { ...answer, kind: result.kind, ranges: result.ranges, high: result.high }
    case 'amended':
      return { ...answer, kind: 'amended', ranges: numbersOf(delivery), high: result.high }
    case 'refused':
      return { ...answer, kind: 'rejected', ranges: positionsOf(delivery), reason: result.reason }
    case 'kept': {
      const reason = delivery.kind === 'reject' ? delivery.reject.reason : undefined
      return { ...answer, kind: 'rejected', ranges: refused, reason }
    }
  }
}

/** An edge numbers its amendments, and is answered by these numbers. */
function numbersOf(delivery: Delivery): SeqRange[] {
  return delivery.kind === 'amendments' ? [{ first: delivery.amendments.first, last: delivery.amendments.last }] : []
}

/** Refused amendments are not named by their numbers: `rejected` names positions. */
function positionsOf(delivery: Delivery): readonly SeqRange[] {
  return delivery.kind === 'batch' ? delivery.batch.ranges : []
}
