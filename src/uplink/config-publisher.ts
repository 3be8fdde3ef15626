import type { Log } from '../base/log.ts'
import type { Operation, OperationAnswer } from '../config/operations.ts'
import { cloudTopic } from '../config/topics.ts'
import type { Link } from '../link/link.ts'
import { reasonText } from '../link/reasons.ts'
import { WakeableWait } from './wakeable-wait.ts'

/** Config messages in flight at once, at most; never more than half of the broker's Receive Maximum. */
const WINDOW_MAX = 64
/** Bytes of a PUBLISH without topic and payload, at most. */
const HEADER_BYTES_MAX = 16

export interface ConfigMessage {
  readonly operation: Operation
  readonly payload: string
}

/** What the config publisher needs of the config store. */
export interface ConfigOutbox {
  /**
   * At most `countMax` messages that may leave now; otherwise how long (milliseconds) there is nothing, if that is
   * known.
   */
  next(countMax: number): Promise<{ readonly messages: readonly ConfigMessage[]; readonly waitMs: number | undefined }>
  answered(answers: readonly { readonly operation: Operation; readonly answer: OperationAnswer }[]): Promise<void>
  /** A config from the cloud; resolves when its effect is on the disk. */
  desired(device: string, payload: Uint8Array): Promise<void>
  /** Nothing is in flight any more. */
  release(): Promise<void>
}

export interface ConfigPublisherOptions {
  readonly outbox: ConfigOutbox
  readonly prefix: string
  readonly edge: string
  readonly log: Log
  /** How long (milliseconds) the budget holds back a message of this many bytes; 0: it may leave. */
  readonly waitMs: (bytes: number) => number
}

/** Config messages that may be in flight over a link; the other half is for readings. */
export function configWindow({ receiveMaximum }: Pick<Link, 'receiveMaximum'>): number {
  return Math.min(WINDOW_MAX, Math.floor(receiveMaximum / 2))
}

/**
 * Publishes the edge's config messages to the cloud broker during one connection: retained, QoS 1, each until the
 * broker answers.
 */
export class ConfigPublisher {
  readonly #link: Link
  readonly #options: ConfigPublisherOptions
  readonly #wakeableWait = new WakeableWait()
  #inFlight = 0
  #answers: { readonly operation: Operation; readonly answer: OperationAnswer }[] = []
  #ended = false

  constructor(link: Link, options: ConfigPublisherOptions) {
    this.#link = link
    this.#options = options
    void link.closed.then(() => this.#end())
  }

  /** A message is ready to be sent. */
  notify(): void {
    this.#wakeableWait.wake()
  }

  /** Ends with the link. A disk error ends only this publisher: the next connection tries again. */
  async run(): Promise<void> {
    const { outbox, log } = this.#options
    try {
      await outbox.release()
      while (!this.#ended) await this.#round()
    } catch (failure) {
      if (!this.#ended) log.error({ err: failure }, 'configs are not sent until the next connection')
    }
  }

  async #round(): Promise<void> {
    const { outbox } = this.#options
    const { mark } = this.#wakeableWait
    if (this.#answers.length > 0) await outbox.answered(this.#answers.splice(0))
    const room = configWindow(this.#link) - this.#inFlight
    const { messages, waitMs } = room > 0 ? await outbox.next(room) : { messages: [], waitMs: undefined }
    for (const message of messages) await this.#send(message)
    if (messages.length === 0 && !this.#ended) await this.#wakeableWait.sleep(waitMs ?? Infinity, mark)
  }

  async #send({ operation, payload }: ConfigMessage): Promise<void> {
    const { prefix, edge, waitMs } = this.#options
    const topic = cloudTopic(prefix, edge, operation.device, operation.what)
    const bytes = Buffer.from(payload)
    const size = bytes.length + Buffer.byteLength(topic) + HEADER_BYTES_MAX
    if (size > this.#link.packetBytesMax) {
      const reason = `${size} bytes are more than the ${this.#link.packetBytesMax} that the broker accepts`
      return this.#answered(operation, { kind: 'refused', reason })
    }
    for (let ms = waitMs(size); ms > 0 && !this.#ended; ms = waitMs(size)) {
      await this.#wakeableWait.sleep(ms, this.#wakeableWait.mark)
    }
    if (this.#ended) return
    this.#inFlight++
    this.#link.publish(topic, bytes, { qos: 1, retain: true }).then(
      ({ reasonCode }) => {
        this.#inFlight--
        const reason = `reason 0x${reasonCode.toString(16)}, ${reasonText(reasonCode, 5)}`
        this.#answered(operation, reasonCode < 0x80 ? { kind: 'taken' } : { kind: 'refused', reason })
      },
      () => this.#end(),
    )
  }

  #answered(operation: Operation, answer: OperationAnswer): void {
    this.#answers.push({ operation, answer })
    this.#wakeableWait.wake()
  }

  #end(): void {
    this.#ended = true
    this.#wakeableWait.wake()
  }
}
