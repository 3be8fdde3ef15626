import { messageOf } from '../base/errors.ts'
import type { SeqRange } from '../base/reading.ts'
import { decodeReceipt, type Receipt } from '../codec/receipt.ts'
import { decodeRequest } from '../codec/request.ts'
import type { Link } from '../link/link.ts'
import { momentOf } from './budget.ts'
import { type CongestionWindow, windowPerLane } from './congestion-window.ts'
import { Forwarder } from './forwarder.ts'
import { type InFlightLane, type InFlightMessage, InFlightMessages } from './in-flight.ts'
import { forwardRoom, type LaneLoad, type Limits, limitsOf, nextAsk, Share } from './lanes.ts'
import type { Amendments, Ask, Batch, Message, Sending } from './outbox.ts'
import { Prefetch } from './prefetch.ts'
import { meaningOf } from './reason-codes.ts'
import { type Answer, ReceiptBatch } from './receipt-batch.ts'
import type { SessionDependencies, SessionEnd } from './session-types.ts'
import { WakeableWait } from './wakeable-wait.ts'

/**
 * One connection to the cloud broker, from the first batch to its end: a plain loop that asks what may leave, sends
 * it and waits for answers. It marks only what was answered, and ends when answers do not come in time. Pure parts
 * decide what may leave: `CongestionWindow` (how much the link carries), `Budget` (what it may cost), `nextAsk`.
 */
export class Session {
  readonly #link: Link
  readonly #deps: SessionDependencies
  readonly #limits: Limits
  readonly #inFlight = new InFlightMessages()
  readonly #windows: Readonly<Record<InFlightLane, CongestionWindow>>
  readonly #forwarder: Forwarder
  readonly #share: Share
  readonly #wakeableWait = new WakeableWait()
  readonly #prefetch: Prefetch
  readonly #answers = new ReceiptBatch((answer) => this.#confirmed(answer))
  #metered = 0
  #end: SessionEnd | undefined
  #stored = 0
  #fillsBatch = false
  #ending = false

  constructor(link: Link, dependencies: SessionDependencies) {
    const { settings, batchPublisher, cautious, reserved } = dependencies
    this.#link = link
    this.#deps = dependencies
    this.#limits = limitsOf(settings, {
      receiveMaximum: cautious ? 1 : link.receiveMaximum - reserved,
      payloadBytesMax: batchPublisher.payloadBytesMax,
    })
    this.#windows = windowPerLane(this.#limits.messages)
    this.#forwarder = this.#makeForwarder()
    this.#prefetch = new Prefetch(dependencies.outbox, this.#limits.messageBytes)
    this.#share = new Share(settings.backfill.share, this.#limits.messageBytes)
    void link.closed.then((failure) =>
      this.#finish(failure?.message ?? 'the connection was closed', { cause: failure }),
    )
  }

  #makeForwarder(): Forwarder {
    return new Forwarder({
      link: this.#link,
      outbox: this.#deps.outbox,
      inFlight: this.#inFlight,
      onConfirmed: (sent) => {
        this.#windows.forward.answered({ ...sent, answeredAt: performance.now() })
        this.#deps.onConfirmed(0)
      },
      onRefused: (reason) => this.#deps.onRefused(reason),
      onAnswered: () => this.notify(),
      onTrouble: (reason, cause) => this.#finish(reason, { cause }),
    })
  }

  get inFlight(): number {
    return this.#inFlight.count
  }

  /** Messages that each lane may have in flight. */
  get window(): Readonly<Record<InFlightLane, number>> {
    const { live, backfill, forward } = this.#windows
    return { live: live.size, backfill: backfill.size, forward: forward.size }
  }

  /** The store has new readings. While a batch fills up, only a full one ends the wait. */
  notifyStored(readings: number): void {
    this.#stored += readings
    if (!this.#fillsBatch || this.#stored >= this.#deps.settings.batchReadingsMax) this.#wakeableWait.nudge()
  }

  /** There may be something to send without delay: a message, a freed slot after an answer, a resend request. */
  notify(): void {
    this.#stored++
    this.#wakeableWait.wake()
  }

  /** Sends until the link ends, and returns the reason. */
  async run(): Promise<SessionEnd> {
    while (this.#end === undefined) {
      const { mark } = this.#wakeableWait
      const { ask, againMs, packsAhead } = this.#mayLeave()
      const isFull = ask.live === 0 && ask.backfill === 0 && ask.forward === 0
      if (this.#ending || (isFull && !packsAhead)) {
        await this.#sleep(Math.min(againMs, this.#msToTimeout()), mark)
        continue
      }
      this.#stored = 0
      const next = isFull ? undefined : await this.#prefetch.next(ask, this.#inFlight.count === 0)
      const outgoing =
        packsAhead && (next === undefined || next.kind === 'wait') ? await this.#prefetch.packAhead(next?.ms) : next
      if (this.#end !== undefined) break
      if (outgoing === undefined) continue
      if (outgoing.kind === 'message') await this.#forward(outgoing)
      else if (outgoing.kind !== 'wait') await this.#send(outgoing)
      else await this.#idle(outgoing.ms, againMs, mark)
    }
    return this.#end
  }

  #mayLeave(): { ask: Required<Ask>; againMs: number; packsAhead: boolean } {
    this.#meter()
    const { prefer } = this.#share
    const allowed = this.#deps.budget.allow(momentOf(this.#deps), this.#prefetch.backlog ? prefer : 'live')
    const of = (lane: InFlightLane): LaneLoad => ({
      inFlight: this.#inFlight.countOf(lane),
      size: this.#windows[lane].size,
    })
    const lanes = { live: of('live'), backfill: of('backfill'), forward: of('forward') }
    const load = { ...lanes, bytes: this.#inFlight.bytes, backlog: this.#prefetch.backlog }
    const scaled = { ...allowed, live: this.#packed(allowed.live), backfill: this.#packed(allowed.backfill) }
    const ask = nextAsk(this.#limits, load, { ...scaled, prefer })
    // Forwarded messages are as fresh as live readings, but the rest of a spent budget is reserved for readings.
    const forward = this.#deps.budget.holds === undefined ? forwardRoom(this.#limits, load, allowed.live) : 0
    const packsAhead = ask.backfill === 0 && this.#prefetch.mayPackAhead(scaled.backfill)
    return { ask: { ...ask, forward }, againMs: allowed.againMs, packsAhead }
  }

  /** Bytes that a batch may have before formatting so that it takes this many bytes on the wire. */
  #packed(wireBytes: number): number {
    return wireBytes === 0 ? 0 : Math.max(1, Math.floor(wireBytes / this.#deps.batchPublisher.expansion))
  }

  /** Charges the budget for everything that crossed the wire since the last call, whoever sent it. */
  #meter(): void {
    const { wireBytes } = this.#link
    this.#deps.budget.spend(wireBytes - this.#metered, momentOf(this.#deps))
    this.#metered = wireBytes
  }

  async #forward(message: Message): Promise<void> {
    this.#share.sent('live', message.bytes.length, this.#prefetch.backlog)
    this.#deps.onSent(0, message.bytes.length)
    await this.#forwarder.send(message)
    this.#meter()
  }

  async #send(outgoing: Batch | Amendments): Promise<void> {
    const { batchPublisher, onSent } = this.#deps
    const { epoch, run, bytes } = outgoing
    const isBatch = outgoing.kind === 'batch'
    const lane = isBatch ? outgoing.lane : 'live'
    const sent = this.#inFlight.open({
      kind: outgoing.kind,
      lane,
      epoch,
      run,
      bytes: bytes.length,
      sentAt: performance.now(),
      range: isBatch ? outgoing.range : { first: outgoing.lastId, last: outgoing.lastId },
    })
    if (isBatch && bytes.length > batchPublisher.payloadBytesMax) {
      return this.#refused(sent, `${bytes.length} bytes are more than the broker accepts`)
    }
    this.#share.sent(lane, bytes.length, this.#prefetch.backlog)
    onSent(isBatch ? outgoing.count : 0, bytes.length)
    batchPublisher.publish(outgoing).then(
      (reasonCode) => this.#taken(sent, reasonCode),
      (failure: unknown) => this.#finish(messageOf(failure), { cause: failure }),
    )
    this.#meter()
  }

  /** The cloud broker accepted the message. That marks it only if no receiver confirms (`confirm: puback`). */
  async #taken(sent: InFlightMessage, reasonCode: number): Promise<void> {
    const { confirm, format, message } = this.#deps.settings
    const meaning = meaningOf(reasonCode, { keepsLatest: format === 'message' && message.retain })
    const code = `reason 0x${reasonCode.toString(16)}`
    if (meaning === 'refused' && sent.kind === 'batch') return this.#refused(sent, `the broker refused it with ${code}`)
    if (meaning === 'refused' || meaning === 'trouble') return this.#finish(`the broker refused a message with ${code}`)
    if (confirm === 'receipt') return
    if (meaning === 'unheard') return this.#finish('the cloud broker has no subscriber for the batches')
    try {
      const { range } = sent
      if (sent.kind === 'amendments') return await this.#amended(sent, [range])
      await this.#answers.take({ ...sent, ranges: [range], high: 0, kind: 'stored' })
    } catch (failure) {
      this.#finish(`cannot store a confirmation: ${messageOf(failure)}`, { cause: failure })
    }
  }

  /** A receipt came. Resolves when its commit is done; the link acknowledges the receipt after that. */
  async receipt(payload: Uint8Array): Promise<void> {
    const decoded = decodeReceipt(payload)
    if (!decoded.ok) return this.#deps.log.warn({ reason: decoded.reason }, 'cannot decode a receipt')
    const { receipt } = decoded
    if (receipt.kind === 'rejected') await this.#rejected(receipt)
    else if (receipt.kind === 'amended') await this.#amended(receipt, receipt.ranges)
    else await this.#answers.take(receipt)
  }

  /** The receiver lost readings that it once had, and requests them again. */
  async request(payload: Uint8Array): Promise<void> {
    const decoded = decodeRequest(payload)
    if (!decoded.ok) return this.#deps.log.warn({ reason: decoded.reason }, 'cannot decode a resend request')
    await this.#deps.outbox.requestResend(decoded.request)
    this.#prefetch.hasMore()
    this.notify()
  }

  async #confirmed(answer: Answer): Promise<void> {
    const { epoch, run, ranges, high, kind } = answer
    const { outbox, budget, log } = this.#deps
    const sending = { epoch, run }
    const forked = kind === 'forked'
    const { count, renewed } = await outbox.confirm({ ...sending, ranges, high, forked, spent: budget.spent })
    if (renewed) {
      log.error({ epoch, high }, 'the receiver knows positions that this database never assigned: a new epoch begins')
      return this.#finish('a new epoch began', { atOnce: true })
    }
    const closed = this.#inFlight.confirm({ kind: 'batch', ...sending }, ranges)
    const answeredAt = performance.now()
    for (const { lane, sentAt, inFlight } of closed) this.#windows[lane].answered({ sentAt, answeredAt, inFlight })
    if (closed.length > 0 || count > 0) this.#deps.onConfirmed(count)
    this.notify()
  }

  async #amended({ epoch, run }: Sending, ranges: readonly SeqRange[]): Promise<void> {
    // An answer means "up to here", so only the last one counts.
    const lastId = ranges.at(-1)?.last
    if (lastId !== undefined) await this.#deps.outbox.confirmAmendments({ epoch, run, lastId })
    if (this.#inFlight.confirm({ kind: 'amendments', epoch, run }, ranges).length > 0) this.#deps.onConfirmed(0)
    this.notify()
  }

  /** The receiver rejects something. If it does not say what, only a message that is alone in flight can be meant. */
  async #rejected({ epoch, run, ranges, reason = 'the receiver gave no reason' }: Receipt): Promise<void> {
    const [range] = ranges
    const sent = range === undefined ? this.#inFlight.only : this.#inFlight.holding({ epoch, run }, range)
    if (sent?.kind === 'batch') return this.#refused(sent, `the receiver rejected it: ${reason}`)
    if (range !== undefined && sent === undefined) return // a late answer: its message is no longer in flight
    this.#deps.onRefused(reason)
    this.#finish(`the receiver rejected a message: ${reason}`, { cautious: true })
  }

  async #refused(sent: InFlightMessage, reason: string): Promise<void> {
    if (!this.#inFlight.close(sent)) return
    const { epoch, run, range } = sent
    const { outbox, onRefused } = this.#deps
    try {
      onRefused(reason)
      const became = await outbox.refuse({ epoch, run, range, reason })
      if (became === 'hopeless') this.#finish(`every message is refused and none is confirmed: ${reason}`)
      this.#prefetch.hasMore()
      this.notify()
    } catch (failure) {
      this.#finish(`cannot store a refusal: ${messageOf(failure)}`, { cause: failure })
    }
  }

  /** Sends nothing new; resolves when everything is answered or `ms` milliseconds are over. */
  async drain(ms: number): Promise<void> {
    this.#ending = true
    const deadline = performance.now() + ms
    while (this.#inFlight.count > 0 && this.#end === undefined && performance.now() < deadline) {
      await this.#sleep(deadline - performance.now(), this.#wakeableWait.mark)
    }
    this.#finish('stopped')
  }

  async #idle(ms: number | undefined, againMs: number, mark: number): Promise<void> {
    this.#fillsBatch = ms !== undefined
    const waitMs = Math.min(ms ?? Infinity, againMs, this.#msToTimeout())
    if (this.#stored === 0 || this.#fillsBatch) await this.#sleep(waitMs, mark)
    this.#fillsBatch = false
  }

  /** Milliseconds until the oldest message times out; ends the session when it has. */
  #msToTimeout(): number {
    const { leftMs, waitMs } = this.#inFlight.timeout(this.#deps.settings, performance.now())
    if (leftMs <= 0) this.#finish(`no answer within ${Math.round(waitMs)} ms`)
    return Math.max(0, leftMs)
  }

  #sleep(ms: number, mark: number): Promise<void> {
    return this.#end === undefined ? this.#wakeableWait.sleep(ms, mark) : Promise.resolve()
  }

  #finish(reason: string, end: Partial<Omit<SessionEnd, 'reason'>> = {}): void {
    if (this.#end !== undefined) return
    this.#meter()
    this.#end = { reason, atOnce: false, cautious: false, cause: undefined, ...end }
    this.#wakeableWait.wake()
  }
}
