import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { SeqRange } from '../base/reading.ts'
import type { UplinkSettings } from '../base/settings-uplink.ts'
import { BATCH_CONTENT_TYPE } from '../codec/batch.ts'
import { decodeReceipt } from '../codec/receipt.ts'
import type { Link } from '../link/link.ts'
import type { Outbox, Outgoing, Sending } from './outbox.ts'
import type { CloudTopics } from './topics.ts'
import { Window } from './window.ts'

/** MQTT 5 §3.4.2.1: the broker took the message, and nobody listens. */
const NO_MATCHING_SUBSCRIBERS = 0x10
const FIRST_ERROR_CODE = 0x80
/**
 * What a PUBLISH has besides its topic, content type and payload, at most: fixed header 5, length of the topic 2, packet
 * identifier 2, length of the properties 4, identifier and length of the content type 3 (MQTT 5 §3.3).
 */
const PUBLISH_HEADER_BYTES_MAX = 16

export interface SessionDependencies {
  readonly settings: UplinkSettings
  readonly topics: CloudTopics
  readonly outbox: Outbox
  readonly log: Log
  /** Told of every confirmed message and how many readings it was news for. */
  onConfirmed(readings: number): void
  /** Told of every message that left, and its bytes. */
  onSent(readings: number, bytes: number): void
  onRejected(reason: string): void
}

/** Why a session ended. */
export interface SessionEnd {
  readonly reason: string
  /** The link itself was fine: the next one need not wait. */
  readonly atOnce: boolean
}

/**
 * One connection to the cloud broker, from the first batch to its end: a plain loop that keeps the window full and
 * waits for answers. It marks nothing that the far side has not answered for, and gives up when answers stay away.
 */
export class Session {
  readonly #link: Link
  readonly #window: Window
  readonly #deps: SessionDependencies
  /** A larger message is not asked for: the broker would end the connection, again and again. */
  readonly #bytesMax: number
  #end: SessionEnd | undefined
  /** Who waits for something to happen: the loop, and who waits for it to end. */
  readonly #sleepers = new Set<() => void>()
  #stored = 0
  #ending = false

  constructor(link: Link, dependencies: SessionDependencies) {
    this.#link = link
    this.#deps = dependencies
    this.#window = new Window(Math.min(dependencies.settings.window, link.receiveMaximum))
    this.#bytesMax = Math.min(dependencies.settings.batchBytesMax, payloadBytesMax(link, dependencies.topics))
    void link.closed.then((failure) => this.#finish(failure?.message ?? 'the connection was closed'))
  }

  get inFlight(): number {
    return this.#window.inFlight
  }

  /** Something new is on the disk. */
  notify(readings: number): void {
    this.#stored += readings
    if (this.#waitsForCompany && this.#stored < this.#deps.settings.batchReadingsMax) return
    this.#wake()
  }
  #waitsForCompany = false

  /** Sends until the link ends, and says why it did. */
  async run(): Promise<SessionEnd> {
    while (this.#end === undefined) {
      if (!this.#window.hasRoom || this.#ending) {
        await this.#sleep(this.#msToTimeout())
        continue
      }
      this.#stored = 0
      const outgoing = await this.#deps.outbox.next(this.#bytesMax)
      if (this.#end !== undefined) break
      if (outgoing.kind === 'wait') await this.#idle(outgoing.ms)
      else this.#send(outgoing)
    }
    return this.#end
  }

  /** A receipt came. Resolves when its commit is done; the link acknowledges it after that. */
  async receive(payload: Uint8Array): Promise<void> {
    const decoded = decodeReceipt(payload)
    if (!decoded.ok) return this.#deps.log.warn({ reason: decoded.reason }, 'a receipt could not be read')
    const { kind, epoch, run, ranges, high, reason } = decoded.receipt
    if (kind === 'rejected') {
      this.#deps.onRejected(reason ?? 'the receiver gave no reason')
      return this.#finish(`the receiver rejected a batch: ${reason}`)
    }
    const sending = { epoch, run }
    if (kind === 'amended') return this.#amended(sending, ranges)
    const { count, renewed } = await this.#deps.outbox.confirm({ ...sending, ranges, high, forked: kind === 'forked' })
    if (renewed) {
      this.#deps.log.error(
        { epoch, high },
        'the far side knows readings that this database does not: a new epoch begins',
      )
      return this.#finish('a new epoch began', true)
    }
    if (this.#window.confirm({ kind: 'batch', ...sending }, ranges) > 0 || count > 0) this.#deps.onConfirmed(count)
    this.#wake()
  }

  async #amended(sending: Sending, ranges: readonly SeqRange[]): Promise<void> {
    for (const { last } of ranges) await this.#deps.outbox.confirmAmendments({ ...sending, lastId: last })
    if (this.#window.confirm({ kind: 'amendments', ...sending }, ranges) > 0) this.#deps.onConfirmed(0)
    this.#wake()
  }

  /** Nothing new is sent any more; ends when all is answered or `ms` are over. */
  async drain(ms: number): Promise<void> {
    this.#ending = true
    const deadline = performance.now() + ms
    while (this.#window.inFlight > 0 && this.#end === undefined && performance.now() < deadline) {
      await this.#sleep(deadline - performance.now())
    }
    this.#finish('stopped')
  }

  #send(outgoing: Exclude<Outgoing, { kind: 'wait' }>): void {
    const { topics } = this.#deps
    const { kind, epoch, run } = outgoing
    const range = kind === 'batch' ? outgoing.range : { first: outgoing.lastId, last: outgoing.lastId }
    this.#window.open({ kind, epoch, run, range, sentAt: performance.now() })
    this.#deps.onSent(outgoing.kind === 'batch' ? outgoing.count : 0, outgoing.bytes.length)
    const topic = outgoing.kind === 'batch' ? topics.live : topics.amend
    this.#link.publish(topic, outgoing.bytes, { qos: 1, contentType: BATCH_CONTENT_TYPE }).then(
      ({ reasonCode }) => this.#taken(outgoing, reasonCode),
      (failure: unknown) => this.#finish(messageOf(failure)),
    )
  }

  /** The cloud's broker has the message. That marks it only where nobody behind it answers. */
  async #taken(outgoing: Exclude<Outgoing, { kind: 'wait' }>, reasonCode: number): Promise<void> {
    if (reasonCode >= FIRST_ERROR_CODE) {
      return this.#finish(`the broker refused a message with reason 0x${reasonCode.toString(16)}`)
    }
    if (this.#deps.settings.confirm === 'receipt') return
    if (reasonCode === NO_MATCHING_SUBSCRIBERS) return this.#finish('nobody subscribes to the batches at the broker')
    try {
      const { epoch, run } = outgoing
      if (outgoing.kind === 'amendments') {
        return await this.#amended({ epoch, run }, [{ first: outgoing.lastId, last: outgoing.lastId }])
      }
      const { range } = outgoing
      const { count } = await this.#deps.outbox.confirm({ epoch, run, ranges: [range], high: 0, forked: false })
      this.#window.confirm({ kind: 'batch', epoch, run }, [range])
      this.#deps.onConfirmed(count)
      this.#wake()
    } catch (failure) {
      this.#finish(`a confirmation could not be stored: ${messageOf(failure)}`)
    }
  }

  async #idle(ms: number | undefined): Promise<void> {
    this.#waitsForCompany = ms !== undefined
    if (this.#stored === 0 || this.#waitsForCompany) await this.#sleep(Math.min(ms ?? Infinity, this.#msToTimeout()))
    this.#waitsForCompany = false
  }

  /** Milliseconds until the oldest unanswered message is too old; ends the session when it is. */
  #msToTimeout(): number {
    const { oldestAt } = this.#window
    if (oldestAt === undefined) return Infinity
    const { confirmTimeoutMs } = this.#deps.settings
    const left = oldestAt + confirmTimeoutMs - performance.now()
    if (left <= 0) this.#finish(`no answer within ${confirmTimeoutMs} ms`)
    return Math.max(0, left)
  }

  #sleep(ms: number): Promise<void> {
    if (this.#end !== undefined) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        this.#sleepers.delete(wake)
        resolve()
      }
      const timer = Number.isFinite(ms) ? setTimeout(wake, ms) : undefined
      this.#sleepers.add(wake)
    })
  }

  #wake(): void {
    for (const wake of this.#sleepers) wake()
  }

  #finish(reason: string, atOnce = false): void {
    if (this.#end !== undefined) return
    this.#end = { reason, atOnce }
    this.#wake()
  }
}

/** What fits into a packet that the broker takes, in bytes. */
function payloadBytesMax({ packetBytesMax }: Link, { live, amend }: CloudTopics): number {
  const topicBytes = Math.max(Buffer.byteLength(live), Buffer.byteLength(amend))
  return packetBytesMax - PUBLISH_HEADER_BYTES_MAX - topicBytes - BATCH_CONTENT_TYPE.length
}
