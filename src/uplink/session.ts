import { messageOf } from '../base/errors.ts'
import type { SeqRange } from '../base/reading.ts'
import { decodeReceipt, type Receipt } from '../codec/receipt.ts'
import { decodeRequest } from '../codec/request.ts'
import type { Link } from '../link/link.ts'
import { momentOf } from './budget.ts'
import { Pace } from './congestion-window.ts'
import { type Flight, type FlightLane, Flights } from './flights.ts'
import { Forwarder } from './forwarder.ts'
import { forwardRoom, type LaneLoad, type Limits, nextAsk, Share } from './lanes.ts'
import type { Amendments, Ask, Batch, Message, Sending } from './outbox.ts'
import { Supply } from './prefetch.ts'
import { meaningOf } from './reason-codes.ts'
import { type Answer, Gathering } from './receipt-batch.ts'
import type { SessionDependencies, SessionEnd } from './session-types.ts'
import { Sleeper } from './wakeable-wait.ts'

/**
 * One connection to the cloud broker, from the first batch to its end: a plain loop that asks what may leave, sends it,
 * and waits for answers. It marks nothing that the far side has not answered for, and gives up when answers stay away.
 * What may leave is decided by pure parts: `Pace` (how much the way carries), `Budget` (what it may cost), `nextAsk`.
 */
export class Session {
  readonly #link: Link
  readonly #deps: SessionDependencies
  readonly #limits: Limits
  readonly #flights = new Flights()
  readonly #paces: Readonly<Record<FlightLane, Pace>>
  readonly #forwarder: Forwarder
  readonly #share: Share
  readonly #sleeper = new Sleeper()
  readonly #supply: Supply
  readonly #answers = new Gathering((answer) => this.#confirmed(answer))
  #metered = 0
  #end: SessionEnd | undefined
  #stored = 0
  #waitsForCompany = false
  #ending = false

  constructor(link: Link, dependencies: SessionDependencies) {
    const { settings, wrapper, cautious, reserved } = dependencies
    this.#link = link
    this.#deps = dependencies
    this.#limits = {
      messages: cautious ? 1 : Math.min(settings.window, link.receiveMaximum - reserved),
      bytes: settings.windowBytes,
      // A larger message is not asked for: the broker would end the connection, again and again.
      messageBytes: Math.min(settings.batchBytesMax, wrapper.payloadBytesMax),
      backfillShare: settings.backfill.share,
    }
    const pace = (): Pace => new Pace(this.#limits.messages)
    this.#paces = { live: pace(), backfill: pace(), forward: pace() }
    this.#forwarder = this.#makeForwarder()
    this.#supply = new Supply(dependencies.outbox, this.#limits.messageBytes)
    this.#share = new Share(settings.backfill.share, this.#limits.messageBytes)
    void link.closed.then((failure) => this.#finish(failure?.message ?? 'the connection was closed'))
  }

  #makeForwarder(): Forwarder {
    return new Forwarder({
      ...{ link: this.#link, outbox: this.#deps.outbox, flights: this.#flights },
      onConfirmed: (flight) => {
        this.#paces.forward.answered({ ...flight, answeredAt: performance.now() })
        this.#deps.onConfirmed(0)
      },
      onRefused: (reason) => this.#deps.onRefused(reason),
      onAnswered: () => this.notify(0),
      onTrouble: (reason) => this.#finish(reason),
    })
  }

  get inFlight(): number {
    return this.#flights.count
  }

  /** Messages that each lane may have on its way. */
  get window(): Readonly<Record<FlightLane, number>> {
    const { live, backfill, forward } = this.#paces
    return { live: live.size, backfill: backfill.size, forward: forward.size }
  }

  /** Something new is on the disk, or may be asked for anew (0): also while a question is under way. */
  notify(readings: number): void {
    this.#stored += Math.max(1, readings)
    if (readings === 0) this.#sleeper.wake()
    else if (!this.#waitsForCompany || this.#stored >= this.#deps.settings.batchReadingsMax) this.#sleeper.nudge()
  }

  /** Sends until the link ends, and says why it did. */
  async run(): Promise<SessionEnd> {
    while (this.#end === undefined) {
      const { mark } = this.#sleeper
      const { ask, againMs, packsAhead } = this.#mayLeave()
      const isFull = ask.live === 0 && ask.backfill === 0 && ask.forward === 0
      if (this.#ending || (isFull && !packsAhead)) {
        await this.#sleep(Math.min(againMs, this.#msToTimeout()), mark)
        continue
      }
      this.#stored = 0
      const next = isFull ? undefined : await this.#supply.next(ask, this.#flights.count === 0)
      const outgoing =
        packsAhead && (next === undefined || next.kind === 'wait') ? await this.#supply.packAhead(next?.ms) : next
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
    const allowed = this.#deps.budget.allow(momentOf(this.#deps.clock), this.#supply.backlog ? prefer : 'live')
    const of = (lane: FlightLane): LaneLoad => ({ inFlight: this.#flights.countOf(lane), size: this.#paces[lane].size })
    const lanes = { live: of('live'), backfill: of('backfill'), forward: of('forward') }
    const load = { ...lanes, bytes: this.#flights.bytes, backlog: this.#supply.backlog }
    const scaled = { ...allowed, live: this.#packed(allowed.live), backfill: this.#packed(allowed.backfill) }
    const ask = nextAsk(this.#limits, load, { ...scaled, prefer })
    // Messages are fresh as live readings are, but what is left of a spent budget is for readings.
    const forward = this.#deps.budget.holds === undefined ? forwardRoom(this.#limits, load, allowed.live) : 0
    const packsAhead = ask.backfill === 0 && this.#supply.mayPackAhead(scaled.backfill)
    return { ask: { ...ask, forward }, againMs: allowed.againMs, packsAhead }
  }

  /** Of a batch that takes so many bytes on the wire. */
  #packed(wireBytes: number): number {
    return wireBytes === 0 ? 0 : Math.max(1, Math.floor(wireBytes / this.#deps.wrapper.expansion))
  }

  /** What crossed the wire since the last look is spent, whoever sent it. */
  #meter(): void {
    const { wireBytes } = this.#link
    this.#deps.budget.spend(wireBytes - this.#metered, momentOf(this.#deps.clock))
    this.#metered = wireBytes
  }

  async #forward(message: Message): Promise<void> {
    this.#share.sent('live', message.bytes.length, this.#supply.backlog)
    this.#deps.onSent(0, message.bytes.length)
    await this.#forwarder.send(message)
    this.#meter()
  }

  async #send(outgoing: Batch | Amendments): Promise<void> {
    const { wrapper, onSent } = this.#deps
    const { epoch, run, bytes } = outgoing
    const isBatch = outgoing.kind === 'batch'
    const lane = isBatch ? outgoing.lane : 'live'
    const flight = this.#flights.open({
      ...{ kind: outgoing.kind, lane, epoch, run, bytes: bytes.length, sentAt: performance.now() },
      range: isBatch ? outgoing.range : { first: outgoing.lastId, last: outgoing.lastId },
    })
    if (isBatch && bytes.length > wrapper.payloadBytesMax) {
      return this.#refused(flight, `${bytes.length} bytes are more than the broker takes`)
    }
    this.#share.sent(lane, bytes.length, this.#supply.backlog)
    onSent(isBatch ? outgoing.count : 0, bytes.length)
    wrapper.publish(outgoing).then(
      (reasonCode) => this.#taken(flight, reasonCode),
      (failure: unknown) => this.#finish(messageOf(failure)),
    )
    this.#meter()
  }

  /** The cloud's broker has the message. That marks it only where nobody behind it answers. */
  async #taken(flight: Flight, reasonCode: number): Promise<void> {
    const meaning = meaningOf(reasonCode)
    const code = `reason 0x${reasonCode.toString(16)}`
    if (meaning === 'poison' && flight.kind === 'batch') {
      return this.#refused(flight, `the broker refused it with ${code}`)
    }
    if (meaning === 'poison' || meaning === 'trouble') return this.#finish(`the broker refused a message with ${code}`)
    if (this.#deps.settings.confirm === 'receipt') return
    if (meaning === 'unheard') return this.#finish('nobody subscribes to the batches at the broker')
    try {
      const { range } = flight
      if (flight.kind === 'amendments') return await this.#amended(flight, [range])
      await this.#answers.take({ ...flight, ranges: [range], high: 0, kind: 'stored' })
    } catch (failure) {
      this.#finish(`a confirmation could not be stored: ${messageOf(failure)}`)
    }
  }

  /** A receipt came. Resolves when its commit is done; the link acknowledges it after that. */
  async receipt(payload: Uint8Array): Promise<void> {
    const decoded = decodeReceipt(payload)
    if (!decoded.ok) return this.#deps.log.warn({ reason: decoded.reason }, 'a receipt could not be read')
    const { receipt } = decoded
    if (receipt.kind === 'rejected') await this.#rejected(receipt)
    else if (receipt.kind === 'amended') await this.#amended(receipt, receipt.ranges)
    else await this.#answers.take(receipt)
  }

  /** The far side lacks readings that it once had. */
  async request(payload: Uint8Array): Promise<void> {
    const decoded = decodeRequest(payload)
    if (!decoded.ok) return this.#deps.log.warn({ reason: decoded.reason }, 'a request could not be read')
    await this.#deps.outbox.askAgain(decoded.request)
    this.#supply.hasMore()
    this.notify(0)
  }

  async #confirmed(answer: Answer): Promise<void> {
    const { epoch, run, ranges, high, kind } = answer
    const { outbox, budget, log } = this.#deps
    const sending = { epoch, run }
    const forked = kind === 'forked'
    const { count, renewed } = await outbox.confirm({ ...sending, ranges, high, forked, spent: budget.spent })
    if (renewed) {
      log.error({ epoch, high }, 'the far side knows readings that this database does not: a new epoch begins')
      return this.#finish('a new epoch began', { atOnce: true })
    }
    const closed = this.#flights.confirm({ kind: 'batch', ...sending }, ranges)
    const answeredAt = performance.now()
    for (const { lane, sentAt, inFlight } of closed) this.#paces[lane].answered({ sentAt, answeredAt, inFlight })
    if (closed.length > 0 || count > 0) this.#deps.onConfirmed(count)
    this.notify(0)
  }

  async #amended({ epoch, run }: Sending, ranges: readonly SeqRange[]): Promise<void> {
    for (const { last } of ranges) await this.#deps.outbox.confirmAmendments({ epoch, run, lastId: last })
    if (this.#flights.confirm({ kind: 'amendments', epoch, run }, ranges).length > 0) this.#deps.onConfirmed(0)
    this.notify(0)
  }

  /** The receiver cannot take something. Where it does not say what, only a message that is alone can be meant. */
  async #rejected({ epoch, run, ranges, reason = 'the receiver gave no reason' }: Receipt): Promise<void> {
    const [range] = ranges
    const flight = range === undefined ? this.#flights.only : this.#flights.holding({ epoch, run }, range)
    if (flight?.kind === 'batch') return this.#refused(flight, `the receiver rejected it: ${reason}`)
    if (range !== undefined && flight === undefined) return // an old answer: what it was about is not on its way
    this.#deps.onRefused(reason)
    this.#finish(`the receiver rejected a message: ${reason}`, { cautious: true })
  }

  async #refused(flight: Flight, reason: string): Promise<void> {
    if (!this.#flights.close(flight)) return
    const { epoch, run, range } = flight
    const { outbox, onRefused } = this.#deps
    try {
      onRefused(reason)
      const became = await outbox.refuse({ epoch, run, range, reason })
      if (became === 'hopeless') this.#finish(`everything is refused, and nothing is confirmed: ${reason}`)
      this.#supply.hasMore()
      this.notify(0)
    } catch (failure) {
      this.#finish(`a refusal could not be stored: ${messageOf(failure)}`)
    }
  }

  /** Nothing new is sent any more; ends when all is answered or `ms` are over. */
  async drain(ms: number): Promise<void> {
    this.#ending = true
    const deadline = performance.now() + ms
    while (this.#flights.count > 0 && this.#end === undefined && performance.now() < deadline) {
      await this.#sleep(deadline - performance.now(), this.#sleeper.mark)
    }
    this.#finish('stopped')
  }

  async #idle(ms: number | undefined, againMs: number, mark: number): Promise<void> {
    this.#waitsForCompany = ms !== undefined
    if (this.#stored === 0 || this.#waitsForCompany) {
      await this.#sleep(Math.min(ms ?? Infinity, againMs, this.#msToTimeout()), mark)
    }
    this.#waitsForCompany = false
  }

  /** Milliseconds until the oldest unanswered message is too old; ends the session when it is. */
  #msToTimeout(): number {
    const { oldestAt } = this.#flights
    if (oldestAt === undefined) return Infinity
    const { confirmTimeoutMs, batchBytesMax } = this.#deps.settings
    // A message that is larger than any batch takes longer, and so does what is behind it.
    const waitMs = confirmTimeoutMs * Math.max(1, this.#flights.largestMessage / batchBytesMax)
    const left = oldestAt + waitMs - performance.now()
    if (left <= 0) this.#finish(`no answer within ${Math.round(waitMs)} ms`)
    return Math.max(0, left)
  }

  #sleep(ms: number, mark: number): Promise<void> {
    return this.#end === undefined ? this.#sleeper.sleep(ms, mark) : Promise.resolve()
  }

  #finish(reason: string, { atOnce = false, cautious = false } = {}): void {
    if (this.#end !== undefined) return
    this.#meter()
    this.#end = { reason, atOnce, cautious }
    this.#sleeper.wake()
  }
}
