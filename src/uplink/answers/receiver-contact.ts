import type { InFlightMessages } from '../in-flight.ts'
import type { ReceiverRecord } from './receiver-record.ts'

/** Messages without an answer, after which a new connection is made: the broker may have lost a subscription. */
const UNANSWERED_MAX = 16

/**
 * Whether the receiver answers over this connection. Until it has answered, and again when it stops answering, readings
 * leave in one small message at a time (`Probes`). Times are monotonic milliseconds.
 */
export class ReceiverContact {
  readonly #record: Pick<ReceiverRecord, 'probes' | 'silence' | 'heldMs'>
  readonly #inFlight: InFlightMessages
  #answers = false
  #unanswered = 0
  #startsOver = false
  /** A receiver came back at a time without the batches that were sent before; they are sent again at another. */
  #lost: { readonly backAt: number; readonly resendAt: number } | undefined

  constructor(record: Pick<ReceiverRecord, 'probes' | 'silence' | 'heldMs'>, inFlight: InFlightMessages) {
    this.#record = record
    this.#inFlight = inFlight
    record.probes.begin()
    record.silence.begin()
  }

  /** The receiver has answered, and is not known to be silent. */
  get answers(): boolean {
    return this.#answers
  }

  /** Everything that is not confirmed is to be offered again before more readings leave. */
  get startsOver(): boolean {
    return this.#startsOver
  }

  /** The connection may be the cause. */
  get isHopeless(): boolean {
    return this.#unanswered >= UNANSWERED_MAX
  }

  /** Everything was offered again. */
  startedOver(): void {
    this.#startsOver = false
  }

  /** A message for the receiver leaves. */
  sent(now: number): void {
    this.#record.silence.sent(now)
    if (!this.#answers) this.#record.probes.sent(now)
  }

  /** The receiver has answered a message. @returns whether it was silent before */
  heard(): boolean {
    const wasSilent = !this.#answers
    this.#answers = true
    this.#unanswered = 0
    this.#record.silence.heard()
    if (wasSilent) this.#record.probes.answered()
    return wasSilent
  }

  /**
   * What is in flight gets no answer, although the link is alive.
   * @param expansion bytes on the wire of a byte in flight
   */
  silent(now: number, expansion: number): void {
    const bytes = this.#inFlight.closeForReceiver() * expansion
    this.#record.probes.unanswered(this.#answers ? 0 : bytes, now)
    this.#unanswered++
    this.#restart()
  }

  /** A receiver says that it is there. @param kept whether the broker kept for it what was sent in the meantime */
  back(now: number, kept: boolean): void {
    if (!this.#answers) this.#record.probes.back(now)
    if (!kept) this.#lost = { backAt: now, resendAt: now + this.#record.probes.graceMs() }
  }

  /** How long no readings may leave (ms; Infinity: until something happens, 0: they may), and when to ask again. */
  pause(now: number): { readonly waitMs: number; readonly againMs: number } {
    const lostMs = this.#lost === undefined ? Infinity : this.#lost.resendAt - now
    if (this.#lost !== undefined && lostMs <= 0) this.#resend(this.#lost.backAt)
    if (this.#startsOver) return { waitMs: Infinity, againMs: this.#inFlight.count === 0 ? 0 : Infinity }
    const waitMs = this.#waitMs(now)
    return { waitMs, againMs: Math.min(lostMs > 0 ? lostMs : Infinity, waitMs || Infinity) }
  }

  #waitMs(now: number): number {
    const { heldMs, probes } = this.#record
    if (heldMs > 0 || this.#answers) return heldMs
    return this.#inFlight.countForReceiver > 0 ? Infinity : probes.waitMs(now)
  }

  /** The receiver that came back at this time did not get what it has not answered by now. */
  #resend(backAt: number): void {
    this.#lost = undefined
    if (!this.#inFlight.hasTakenBefore(backAt)) return
    this.#inFlight.closeForReceiver()
    this.#record.probes.begin()
    this.#restart()
  }

  #restart(): void {
    this.#answers = false
    this.#startsOver = true
  }
}
