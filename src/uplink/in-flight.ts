import { SeqSet } from '../base/ranges.ts'
import type { SeqRange } from '../base/reading.ts'
import type { UplinkSettings } from '../settings/schema/uplink.ts'
import type { Lane, Sending } from './outbox.ts'

/**
 * Forward routes have a lane of their own: only the broker answers their messages, so their answer times say nothing
 * about the receiver.
 */
export type InFlightLane = Lane | 'forward'

/** A message that was sent and is not answered yet. Times are monotonic milliseconds. */
export interface InFlightMessage extends Sending {
  readonly kind: 'batch' | 'amendments' | 'message'
  readonly lane: InFlightLane
  /** Positions of readings, or ids of amendments or of a forwarded message. */
  readonly range: SeqRange
  readonly bytes: number
  readonly sentAt: number
  /** Messages of its lane that were in flight when it left, including itself. */
  readonly inFlight: number
}

/** Messages that were sent and are not answered yet. */
export class InFlightMessages {
  readonly #inFlight = new Set<InFlightMessage>()
  /** Those that the cloud broker has taken, and no receiver has answered. */
  readonly #taken = new Set<InFlightMessage>()
  readonly #counts: Record<InFlightLane, number> = { live: 0, backfill: 0, forward: 0 }
  #bytes = 0

  get count(): number {
    return this.#inFlight.size
  }

  get bytes(): number {
    return this.#bytes
  }

  countOf(lane: InFlightLane): number {
    return this.#counts[lane]
  }

  /** Messages that a receiver reads. */
  get countForReceiver(): number {
    return this.#counts.live + this.#counts.backfill
  }

  /**
   * How long the oldest message may still wait for its answer (milliseconds; Infinity: nothing is in flight), and how
   * long it may wait in total. A message larger than a batch may be takes longer, and so does every message sent
   * after it. `isTaken`: the cloud broker has taken it, so the link is alive.
   */
  timeout(
    { confirmTimeoutMs, batchBytesMax }: Pick<UplinkSettings, 'confirmTimeoutMs' | 'batchBytesMax'>,
    now: number,
  ): { readonly leftMs: number; readonly waitMs: number; readonly isTaken: boolean } {
    const [oldest] = this.#inFlight
    const waitMs = confirmTimeoutMs * Math.max(1, this.#largestMessage / batchBytesMax)
    const leftMs = oldest === undefined ? Infinity : oldest.sentAt + waitMs - now
    return { leftMs, waitMs, isTaken: oldest !== undefined && this.#taken.has(oldest) }
  }

  /** Bytes of the largest message of a forward route that is in flight; 0 if there is none. */
  get #largestMessage(): number {
    return [...this.#inFlight].reduce((most, { kind, bytes }) => (kind === 'message' ? Math.max(most, bytes) : most), 0)
  }

  /** The only message in flight that a receiver reads; undefined if there are none or several. */
  get only(): InFlightMessage | undefined {
    const [one, ...others] = [...this.#inFlight].filter(({ kind }) => kind !== 'message')
    return others.length === 0 ? one : undefined
  }

  open(message: Omit<InFlightMessage, 'inFlight'>): InFlightMessage {
    this.#counts[message.lane]++
    this.#bytes += message.bytes
    const opened = { ...message, inFlight: this.#counts[message.lane] }
    this.#inFlight.add(opened)
    return opened
  }

  holds(message: InFlightMessage): boolean {
    return this.#inFlight.has(message)
  }

  /** The cloud broker has it; the answer of the receiver is still to come. */
  taken(message: InFlightMessage): void {
    if (this.#inFlight.has(message)) this.#taken.add(message)
  }

  /** Whether a message is in flight that the broker took and that was sent before this time (monotonic ms). */
  hasTakenBefore(time: number): boolean {
    return [...this.#taken].some(({ sentAt }) => sentAt < time)
  }

  /** Closes everything that a receiver reads. @returns its bytes */
  closeForReceiver(): number {
    const closed = [...this.#inFlight].filter(({ kind }) => kind !== 'message')
    for (const message of closed) this.close(message)
    return closed.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** @returns false if it was closed before */
  close(message: InFlightMessage): boolean {
    if (!this.#inFlight.delete(message)) return false
    this.#taken.delete(message)
    this.#counts[message.lane]--
    this.#bytes -= message.bytes
    return true
  }

  /**
   * The receiver has these positions: closes every message with this epoch and run that lies wholly inside them, and
   * returns those messages. The same positions of another epoch or run may be other readings.
   */
  confirm(answer: Sending & Pick<InFlightMessage, 'kind'>, ranges: readonly SeqRange[]): InFlightMessage[] {
    const has = new SeqSet(ranges.toSorted((a, b) => a.first - b.first))
    const closed = this.#of(answer).filter(({ range }) => range.last <= (has.around(range.first)?.last ?? 0))
    for (const message of closed) this.close(message)
    return closed
  }

  /** The batch in flight that contains the refused positions. */
  holding(answer: Sending, { first, last }: SeqRange): InFlightMessage | undefined {
    return this.#of({ ...answer, kind: 'batch' }).find(({ range }) => range.first <= first && last <= range.last)
  }

  #of({ kind, epoch, run }: Sending & Pick<InFlightMessage, 'kind'>): InFlightMessage[] {
    return [...this.#inFlight].filter((one) => one.kind === kind && one.epoch === epoch && one.run === run)
  }
}
