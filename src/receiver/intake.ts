import type { Clock } from '../base/clock.ts'
import { codeOf, messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { SeqRange } from '../base/reading.ts'
import type { Receipt } from '../codec/receipt.ts'
import { type Message, type Opened, type OpeningLimits, openMessage } from './opening.ts'
import type { Delivery, Sink, StoreResult } from './sink.ts'
import { type Counts, Tally } from './tally.ts'

/** Messages that have come together share a commit until their readings exceed this. */
const COMMIT_READINGS = 20_000

/** Sends a receipt to an edge; resolves when it is on its way, and never rejects. */
export type Answer = (edge: string, receipt: Receipt) => Promise<void>

export interface IntakeOptions extends OpeningLimits {
  readonly sink: Sink
  readonly clock: Clock
  readonly log: Log
}

interface Waiting {
  readonly message: Message
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

  /** Why the latest commit failed; undefined: it did not. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  /**
   * Resolves when what the message brought is committed and its receipt is on its way.
   * @throws what the sink threw; then no receipt was sent, and the message has to come again
   */
  take(message: Message, answer: Answer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ message, answer, resolve, reject })
      this.#working ??= this.#work()
    })
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
      this.#options.log.error(
        { code: codeOf(failure), err: failure },
        'nothing stored, no receipt: the messages come again',
      )
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
      const one = openMessage(next.message, this.#options)
      opened.push(one)
      readings += one.delivery.kind === 'batch' ? one.delivery.batch.count : 1
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

/** What the edge is told of its message. */
export function receiptOf({ epoch, run, delivery }: Opened, result: StoreResult): Receipt {
  const answer = { epoch, run, ranges: [], high: 0, reason: undefined }
  switch (result.kind) {
    case 'stored':
    case 'forked':
      return { ...answer, kind: result.kind, ranges: result.ranges, high: result.high }
    case 'amended':
      return { ...answer, kind: 'amended', ranges: numbersOf(delivery), high: result.high }
    case 'refused':
      return { ...answer, kind: 'rejected', reason: result.reason }
    case 'kept':
      return { ...answer, kind: 'rejected', reason: delivery.kind === 'reject' ? delivery.reject.reason : undefined }
  }
}

/** An edge numbers its amendments, and is answered by these numbers. */
function numbersOf(delivery: Delivery): SeqRange[] {
  return delivery.kind === 'amendments' ? [{ first: delivery.amendments.first, last: delivery.amendments.last }] : []
}
