import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { LoopShare } from '../base/loop/loop-share.ts'
import type { SeqRange } from '../base/reading.ts'
import type { Receipt } from '../codec/receipt.ts'
import { CopiedEdges } from './copied-edges.ts'
import { EdgeQueue } from './edge-queue.ts'
import { edgeOf, type MessageLimits, type Opened, openMessage, type ReceivedMessage } from './open-message.ts'
import type { Delivery, Sink, StoreResult } from './sink.ts'
import { type Counts, Tally } from './tally.ts'

/** Waiting messages share a commit until their work exceeds this; the work of one reading is 1. */
const COMMIT_WORK = 80_000
/** A message with more work than this has a commit of its own: others do not wait for their receipts until it is stored. */
const ALONE_WORK = 40_000
/** The work for a series or a range of positions, and for a verdict that arrives by itself. */
const SERIES_WORK = 5
const AMENDMENT_WORK = 10

/** Sends a receipt to an edge; resolves when the receipt is in flight, and never rejects. */
export type SendReceipt = (edge: string, receipt: Receipt) => Promise<void>

export interface IntakeOptions extends MessageLimits {
  readonly sink: Sink
  readonly clock: Clock
  readonly log: Log
}

/** Messages that have arrived and are not settled yet. */
export interface Open {
  readonly messages: number
  readonly bytes: number
}

interface Waiting {
  /** A message above the size limit is opened when it arrives, so that its whole payload need not be kept. */
  message: ReceivedMessage | Opened | Promise<Opened>
  bytes: number
  readonly answer: SendReceipt
  readonly resolve: () => void
  readonly reject: (failure: unknown) => void
}

/**
 * Stores messages in the sink, those of one edge in the order of arrival. Messages that arrive during a commit share the
 * next commit: the slower the disk, the larger the commits. Receipts are sent after the commit.
 */
export class ReceiverIntake {
  readonly #options: IntakeOptions
  readonly #tally = new Tally()
  readonly #copies: CopiedEdges
  readonly #waiting = new EdgeQueue<Waiting>()
  readonly #share = new LoopShare()
  #open = { messages: 0, bytes: 0 }
  #openMost = { messages: 0, bytes: 0 }
  #working: Promise<void> | undefined
  #trouble: string | undefined
  #commits = 0

  constructor(options: IntakeOptions) {
    this.#options = options
    this.#copies = new CopiedEdges(options.log)
  }

  get counts(): Counts {
    return this.#tally.counts
  }

  /** Edges that run twice with one name. */
  get copied(): string[] {
    return this.#copies.names(performance.now())
  }

  /** Commits so far. */
  get commits(): number {
    return this.#commits
  }

  /** Messages in progress: now, and the maximum since the start. The broker keeps the others. */
  get open(): Open & { readonly most: Open } {
    return { ...this.#open, most: { ...this.#openMost } }
  }

  /** Why the latest commit failed; undefined: it succeeded. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  /**
   * Resolves when the content of the message is committed and its receipt is in flight.
   * @throws whatever the sink threw; then no receipt was sent, and the broker must send the message again
   */
  async take(message: ReceivedMessage, answer: SendReceipt): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiting: Waiting = { message, bytes: message.payload.byteLength, answer, resolve, reject }
    this.#count(1, waiting.bytes)
    this.#waiting.push(edgeOf(message, this.#options) ?? '', waiting)
    if (waiting.bytes > this.#options.batchBytesMax) waiting.message = this.#openLarge(message, waiting)
    this.#working ??= this.#work()
    await promise.finally(() => this.#count(-1, -waiting.bytes))
  }

  async #openLarge(message: ReceivedMessage, waiting: Waiting): Promise<Opened> {
    const opened = await openMessage(message, this.#options, this.#share)
    const { delivery } = opened
    const bytes = delivery.kind === 'reject' ? delivery.reject.payload.byteLength : 0
    this.#count(0, bytes - waiting.bytes)
    waiting.bytes = bytes
    return opened
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
    while (!this.#waiting.isEmpty) await this.#commit()
    this.#working = undefined
  }

  async #commit(): Promise<void> {
    const { sink, clock } = this.#options
    const group: Waiting[] = []
    try {
      const opened = await this.#openNext(group)
      const receivedAt = clock.now()
      const isInUse = opened.map((one) => this.#copies.isInUse(one, performance.now()))
      const deliveries = opened.filter((_, i) => !isInUse[i]).map(({ delivery }) => delivery)
      const stored = deliveries.length === 0 ? [] : [...(await sink.store(deliveries, receivedAt))]
      const results = isInUse.map((one) => (one ? undefined : stored.shift()!))
      this.#commits++
      this.#trouble = undefined
      for (const [i, one] of group.entries()) {
        this.#tally.add(opened[i]!, results[i], receivedAt)
        this.#copies.note(opened[i]!, performance.now(), isInUse[i])
        await this.#answer(opened[i]!, results[i], one.answer)
        one.resolve()
      }
    } catch (failure) {
      this.#trouble = `the sink cannot store: ${messageOf(failure)}`
      this.#options.log.error(
        { err: failure },
        'cannot store messages: no receipt is sent, and the broker sends them again',
      )
      for (const one of [...group, ...this.#waiting.clear()]) one.reject(failure)
    }
  }

  /** Moves waiting messages into the group until they are enough for a commit. */
  async #openNext(group: Waiting[]): Promise<Opened[]> {
    const opened: Opened[] = []
    /** Edges whose next message needs a commit of its own. */
    const passed = new Set<string>()
    let work = 0
    // What the socket has received belongs to this commit too: many small commits cost more than few large ones.
    await this.#share.pause()
    while (work < COMMIT_WORK) {
      const next = this.#waiting.next(passed)
      if (next === undefined) break
      const [edge, waiting] = next
      const message = await waiting.message
      const one = 'delivery' in message ? message : await openMessage(message, this.#options, this.#share)
      const its = workOf(one)
      if (group.length > 0 && its > ALONE_WORK) {
        waiting.message = one
        passed.add(edge)
      } else {
        this.#waiting.shift(edge)
        group.push(waiting)
        opened.push(one)
        work += its
      }
      if (this.#share.isUsedUp) await this.#share.pause()
    }
    return opened
  }

  async #answer(opened: Opened, result: StoreResult | undefined, answer: SendReceipt): Promise<void> {
    const receipt = receiptOf(opened, result)
    this.#logProblem(opened, receipt)
    if (opened.edge !== undefined) await answer(opened.edge, receipt)
  }

  #logProblem({ edge }: Opened, { kind, epoch, reason, high }: Receipt): void {
    const { log } = this.#options
    // Anyone who may publish can send any number of them: a line is written for each power of two.
    const { rejected, forked } = this.#tally
    if (kind === 'rejected' && isPowerOfTwo(rejected)) log.warn({ edge, reason, rejected }, 'rejected a message')
    else if (kind === 'forked' && isPowerOfTwo(forked)) {
      log.error({ edge, epoch, high, forked }, 'the database of an edge was set back in time')
    }
  }
}

/** How much work it is to store a message, in readings. */
function workOf({ delivery }: Opened): number {
  switch (delivery.kind) {
    case 'batch':
      return delivery.batch.count + SERIES_WORK * (delivery.batch.series.length + delivery.batch.ranges.length)
    case 'amendments':
      return AMENDMENT_WORK * delivery.amendments.items.length
    case 'reject':
      return 1
  }
}

function isPowerOfTwo(count: number): boolean {
  return Number.isInteger(Math.log2(count))
}

/** The receipt for a message; without a result, it was not stored because another edge has the same name. */
export function receiptOf({ epoch, run, refused, delivery }: Opened, result: StoreResult | undefined): Receipt {
  const answer = { epoch, run, ranges: [], high: 0, reason: undefined }
  if (result === undefined) return { ...answer, kind: 'name-in-use' }
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

/** An edge numbers its amendments; the receipt names these numbers. */
function numbersOf(delivery: Delivery): SeqRange[] {
  return delivery.kind === 'amendments' ? [{ first: delivery.amendments.first, last: delivery.amendments.last }] : []
}

/** A refusal does not name amendments by their numbers: `rejected` names positions. */
function positionsOf(delivery: Delivery): readonly SeqRange[] {
  return delivery.kind === 'batch' ? delivery.batch.ranges : []
}
