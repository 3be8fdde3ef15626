import { messageOf } from '../base/errors.ts'
import type { Link } from '../link/link.ts'
import { PROBE_BYTES } from './answers/probes.ts'
import { ReceiverAnswers } from './answers/receiver-answers.ts'
import { ReceiverContact } from './answers/receiver-contact.ts'
import { momentOf } from './budget.ts'
import { type CongestionWindow, windowPerLane } from './congestion-window.ts'
import { Forwarder } from './forwarder.ts'
import { type InFlightLane, type InFlightMessage, InFlightMessages } from './in-flight.ts'
import { forwardRoom, type LaneLoad, type Limits, limitsOf, nextAsk, Share } from './lanes.ts'
import type { Amendments, Ask, Batch, Message } from './outbox.ts'
import { Prefetch } from './prefetch.ts'
import { type BrokerAnswer, meaningOf, NOT_AUTHORIZED } from './reason-codes.ts'
import type { SessionDependencies, SessionEnd } from './session-types.ts'
import { WakeableWait } from './wakeable-wait.ts'

/**
 * One connection to the cloud broker, from the first batch to its end: a plain loop that asks what may leave, sends
 * it and waits for answers. It marks only what was answered, and ends when the broker does not answer in time. Until the
 * receiver has answered, and again when it stops answering, it sends one small message at a time. Pure parts decide what
 * may leave: `CongestionWindow` (how much the link carries), `Budget` (what it may cost), `Probes`, `nextAsk`.
 */
export class Session {
  readonly #link: Link
  readonly #deps: SessionDependencies
  readonly #limits: Limits
  readonly #inFlight = new InFlightMessages()
  readonly #contact: ReceiverContact
  readonly #windows: Record<InFlightLane, CongestionWindow>
  readonly #forwarder: Forwarder
  readonly #share: Share
  readonly #wakeableWait = new WakeableWait()
  /** What the receiver says about messages of this connection. */
  readonly answers: ReceiverAnswers
  #prefetch: Prefetch
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
    this.#contact = new ReceiverContact(dependencies.record, this.#inFlight)
    this.answers = new ReceiverAnswers(dependencies, {
      inFlight: this.#inFlight,
      windows: this.#windows,
      notify: () => this.notify(),
      hasMore: () => {
        this.#prefetch.hasMore()
        this.notify()
      },
      heard: () => {
        if (this.#contact.heard()) this.#deps.onHeard()
      },
      finish: (reason, end) => this.#finish(reason, end),
    })
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

  /** A receiver says that it is back. @param kept whether the broker kept for it what was sent in the meantime */
  back(kept: boolean): void {
    this.#contact.back(performance.now(), kept)
    this.notify()
  }

  /** Sends until the link ends, and returns the reason. */
  async run(): Promise<SessionEnd> {
    while (this.#end === undefined) {
      if (this.#contact.startsOver && this.#inFlight.count === 0) await this.#startOver()
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
      if (this.#contact.startsOver && outgoing.kind !== 'message') continue // it is offered again
      if (outgoing.kind === 'message') await this.#forward(outgoing)
      else if (outgoing.kind !== 'wait') await this.#send(outgoing)
      else await this.#idle(outgoing.ms, againMs, mark)
    }
    return this.#end
  }

  #mayLeave(): { ask: Required<Ask>; againMs: number; packsAhead: boolean } {
    this.#meter()
    const { waitMs, againMs } = this.#contact.pause(performance.now())
    const { prefer } = this.#share
    const allowed = this.#deps.budget.allow(momentOf(this.#deps), this.#prefetch.backlog ? prefer : 'live')
    const of = (lane: InFlightLane): LaneLoad => ({
      inFlight: this.#inFlight.countOf(lane),
      size: this.#windows[lane].size,
    })
    const lanes = { live: of('live'), backfill: of('backfill'), forward: of('forward') }
    const load = { ...lanes, bytes: this.#inFlight.bytes, backlog: this.#prefetch.backlog }
    const [live, backfill] = waitMs > 0 ? [0, 0] : [this.#packed(allowed.live), this.#packed(allowed.backfill)]
    const scaled = { ...allowed, live, backfill }
    const ask = nextAsk(this.#limits, load, { ...scaled, prefer })
    // Forwarded messages are as fresh as live readings, but the rest of a spent budget is reserved for readings.
    const mayForward = this.#deps.budget.holds === undefined && !this.#contact.startsOver
    const forward = mayForward ? forwardRoom(this.#limits, load, allowed.live) : 0
    const packsAhead = this.#contact.answers && ask.backfill === 0 && this.#prefetch.mayPackAhead(scaled.backfill)
    return { ask: { ...ask, forward }, againMs: Math.min(allowed.againMs, againMs), packsAhead }
  }

  /** Bytes that a batch may have before formatting so that it takes this many bytes on the wire. */
  #packed(wireBytes: number): number {
    const bytes = this.#contact.answers ? wireBytes : Math.min(wireBytes, PROBE_BYTES)
    return bytes === 0 ? 0 : Math.max(1, Math.floor(bytes / this.#deps.batchPublisher.expansion))
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
      return this.answers.refused(sent, `it has ${bytes.length} bytes, more than the broker accepts`)
    }
    if (isBatch) this.#deps.record.sentRanges.add(outgoing, outgoing.range)
    this.#share.sent(lane, bytes.length, this.#prefetch.backlog)
    onSent(isBatch ? outgoing.count : 0, bytes.length)
    this.#contact.sent(sent.sentAt)
    batchPublisher.publish(outgoing).then(
      (answer) => this.#taken(sent, answer),
      (failure: unknown) => this.#finish(messageOf(failure), { cause: failure }),
    )
    this.#meter()
  }

  /** The cloud broker answered the message. That marks it only if no receiver confirms (`confirm: puback`). */
  async #taken(sent: InFlightMessage, { reasonCode, topic }: BrokerAnswer): Promise<void> {
    const { confirm, format, message } = this.#deps.settings
    const { silence } = this.#deps.record
    const meaning = meaningOf(reasonCode, { keepsLatest: format === 'message' && message.retain })
    const code = `reason 0x${reasonCode.toString(16)} (${topic})`
    // Batches have one topic, so the readings in them make no difference.
    const isDenied = reasonCode === NOT_AUTHORIZED && format === 'cbor'
    if (isDenied || meaning === 'unheard') {
      silence.taken(isDenied ? 'denied' : 'unheard', topic)
      return this.#inFlight.holds(sent) ? this.#silent() : undefined
    }
    if (meaning === 'refused' && sent.kind === 'batch')
      return this.answers.refused(sent, `the broker refused it with ${code}`)
    if (meaning === 'refused' || meaning === 'trouble') return this.#finish(`the broker refused a message with ${code}`)
    if (confirm === 'receipt') {
      this.#inFlight.taken(sent)
      silence.taken('taken', topic)
      return
    }
    try {
      await this.answers.taken(sent)
    } catch (failure) {
      this.#finish(`cannot store a confirmation: ${messageOf(failure)}`, { cause: failure })
    }
  }

  /** No receiver answers, although the link is alive. Everything is offered again, a small message first. */
  #silent(): void {
    this.#contact.silent(performance.now(), this.#deps.batchPublisher.expansion)
    if (this.#contact.isHopeless) this.#finish('no receiver answers over this connection')
    this.#deps.onSilence()
    this.#wakeableWait.wake()
  }

  /** Begins like a new connection, over the same link. */
  async #startOver(): Promise<void> {
    const { outbox, budget } = this.#deps
    this.#contact.startedOver()
    this.#prefetch = new Prefetch(outbox, this.#limits.messageBytes)
    const { live, backfill } = windowPerLane(this.#limits.messages)
    Object.assign(this.#windows, { live, backfill })
    await outbox.release(budget.spent)
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
    const { leftMs, waitMs, isTaken } = this.#inFlight.timeout(this.#deps.settings, performance.now())
    if (leftMs <= 0 && isTaken && !this.#ending) this.#silent()
    else if (leftMs <= 0) this.#finish(`no answer of the cloud broker within ${Math.round(waitMs)} ms`)
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
