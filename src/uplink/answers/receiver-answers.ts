import { messageOf } from '../../base/errors.ts'
import type { SeqRange } from '../../base/reading.ts'
import { decodeReceipt, type Receipt } from '../../codec/receipt.ts'
import { decodeRequest } from '../../codec/request.ts'
import type { CongestionWindow } from '../congestion-window.ts'
import type { InFlightLane, InFlightMessage, InFlightMessages } from '../in-flight.ts'
import type { Sending } from '../outbox.ts'
import type { SessionDependencies, SessionEnd } from '../session-types.ts'
import { type Answer, ReceiptBatch } from './receipt-batch.ts'

/** What the answers need of the uplink. */
export type AnswerDependencies = Pick<
  SessionDependencies,
  'outbox' | 'budget' | 'log' | 'record' | 'onConfirmed' | 'onRefused'
>

/** The connection that the answers belong to. */
export interface AnsweredSession {
  readonly inFlight: InFlightMessages
  readonly windows: Readonly<Record<InFlightLane, CongestionWindow>>
  /** There may be more to send. */
  notify(): void
  /** The same, also for the backlog. */
  hasMore(): void
  /** The receiver has answered a message. */
  heard(): void
  finish(reason: string, end?: Partial<Omit<SessionEnd, 'reason'>>): void
}

/** Handles what the receiver, or the cloud broker in its place, says about messages that were sent. */
export class ReceiverAnswers {
  readonly #deps: AnswerDependencies
  readonly #session: AnsweredSession
  readonly #batch = new ReceiptBatch((answer) => this.#confirmed(answer))

  constructor(dependencies: AnswerDependencies, session: AnsweredSession) {
    this.#deps = dependencies
    this.#session = session
  }

  /** A receipt came. Resolves when its commit is done; the link acknowledges the receipt after that. */
  async receipt(payload: Uint8Array): Promise<void> {
    const decoded = decodeReceipt(payload)
    if (!decoded.ok) return this.#undecodable(decoded.reason, 'cannot decode a receipt')
    const { receipt } = decoded
    if (receipt.kind === 'rejected') await this.#rejected(receipt)
    else if (receipt.kind === 'name-in-use') await this.#nameInUse(receipt)
    else if (receipt.kind === 'amended') await this.#amended(receipt, receipt.ranges)
    else await this.#batch.take(receipt)
  }

  #undecodable(reason: string, what: string): void {
    if (this.#deps.record.undecodable.add()) this.#deps.log.warn({ reason }, what)
  }

  /** The receiver lost readings that it once had, and requests them again. */
  async request(payload: Uint8Array): Promise<void> {
    const decoded = decodeRequest(payload)
    if (!decoded.ok) return this.#undecodable(decoded.reason, 'cannot decode a resend request')
    await this.#deps.outbox.requestResend(decoded.request)
    this.#session.hasMore()
  }

  /** The cloud broker has taken a message, and no receiver confirms (`confirm: puback`). */
  async taken(sent: InFlightMessage): Promise<void> {
    const { range } = sent
    if (sent.kind === 'amendments') await this.#amended(sent, [range])
    else await this.#batch.take({ ...sent, ranges: [range], high: 0, kind: 'stored' })
  }

  async #confirmed(answer: Answer): Promise<void> {
    const { epoch, run, high, kind } = answer
    const { outbox, budget, log, record } = this.#deps
    const { inFlight, windows, finish } = this.#session
    const sending = { epoch, run }
    const forked = kind === 'forked'
    const { sent: ranges, unsent } = record.sentRanges.split(sending, answer.ranges)
    const confirmed = await outbox.confirm({ ...sending, ranges, unsent, high, forked, spent: budget.spent })
    const { count, renewed, heldMs = 0 } = confirmed
    if (renewed) {
      log.error({ epoch, high }, 'the receiver knows positions that this database never assigned: a new epoch begins')
      return finish('a new epoch began', { atOnce: true })
    }
    if (heldMs > 0) {
      record.hold(heldMs)
      return finish('the receiver says again that the database of this edge was set back')
    }
    this.#unsent(confirmed.unsent)
    if (confirmed.unmarked !== undefined) {
      record.unmarked.add(confirmed.unmarked)
      return finish('the receiver confirms too many separate parts: they are sent again')
    }
    const closed = inFlight.confirm({ kind: 'batch', ...sending }, ranges)
    const answeredAt = performance.now()
    for (const { lane, sentAt, inFlight } of closed) windows[lane].answered({ sentAt, answeredAt, inFlight })
    if (closed.length > 0 || count > 0) this.#answered(count)
    this.#session.notify()
  }

  #answered(count: number): void {
    this.#session.heard()
    this.#deps.onConfirmed(count)
  }

  #unsent(count = 0): void {
    if (count > 0 && this.#deps.record.unsent.add(count)) {
      this.#deps.log.error({ count }, 'the receiver confirmed readings that were not sent: they are not marked')
    }
  }

  /** The store keeps the pause first, so that it also holds after a crash. */
  async #nameInUse({ epoch, run }: Receipt): Promise<void> {
    if (!(await this.#deps.outbox.pause({ epoch, run }))) return
    this.#session.heard()
    this.#session.finish('another edge uses the name of this one', { atOnce: true })
  }

  async #amended({ epoch, run }: Sending, ranges: readonly SeqRange[]): Promise<void> {
    // An answer means "up to here", so only the last one counts.
    const lastId = ranges.at(-1)?.last
    if (lastId === undefined) return
    this.#unsent((await this.#deps.outbox.confirmAmendments({ epoch, run, lastId })) ?? 0)
    const upToHere = [{ first: 1, last: lastId }]
    if (this.#session.inFlight.confirm({ kind: 'amendments', epoch, run }, upToHere).length === 0) return
    this.#answered(0)
    this.#session.notify()
  }

  /** The receiver rejects something. If it does not say what, only a message that is alone in flight can be meant. */
  async #rejected({ epoch, run, ranges, reason = 'the receiver gave no reason' }: Receipt): Promise<void> {
    const [range] = ranges
    const { inFlight, finish } = this.#session
    const sent = range === undefined ? inFlight.only : inFlight.holding({ epoch, run }, range)
    if (sent !== undefined) this.#session.heard()
    if (sent?.kind === 'batch') return this.refused(sent, `the receiver rejected it: ${reason}`)
    if (range !== undefined && sent === undefined) return // a late answer: its message is no longer in flight
    this.#deps.onRefused(reason)
    finish(`the receiver rejected a message: ${reason}`, { cautious: true })
  }

  /** A batch in flight is refused for good. */
  async refused(sent: InFlightMessage, reason: string): Promise<void> {
    const { inFlight, hasMore, finish } = this.#session
    if (!inFlight.close(sent)) return
    const { epoch, run, range } = sent
    const { outbox, onRefused } = this.#deps
    try {
      onRefused(reason)
      const became = await outbox.refuse({ epoch, run, range, reason })
      if (became === 'hopeless') finish(`every message is refused and none is confirmed: ${reason}`)
      hasMore()
    } catch (failure) {
      finish(`cannot store a refusal: ${messageOf(failure)}`, { cause: failure })
    }
  }
}
