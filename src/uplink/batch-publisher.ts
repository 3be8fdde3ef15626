import { assert } from '../base/errors.ts'
import { BATCH_CONTENT_TYPE, decodeBatch } from '../codec/batch.ts'
import type { Link } from '../link/link.ts'
import type { Format, FormattedMessage } from './format/format.ts'
import type { Amendments, Batch } from './outbox.ts'
import { type BrokerAnswer, meaningOf, worstOf } from './reason-codes.ts'
import type { CloudTopics } from './topics.ts'

/**
 * Bytes of a PUBLISH without its topic, content type and payload, at most: fixed header 5, topic length 2, packet
 * identifier 2, property length 4, identifier and length of the content type 3 (MQTT 5 §3.3).
 */
const PUBLISH_HEADER_BYTES_MAX = 16
/** The store thread made this batch itself: it needs no tight limits. */
const OWN_BATCH = { readingsMax: Number.MAX_SAFE_INTEGER, bytesMax: 1_073_741_824 }
const NOT_ASKED: BrokerAnswer = { reasonCode: 0, topic: '' }
/** Assumed until a batch was measured. */
const FIRST_EXPANSION = 20

/** Publishes batches of the outbox in the format that the cloud reads, and returns the broker's answer. */
export class BatchPublisher {
  /** Payload bytes that fit into a packet that the broker accepts. */
  readonly payloadBytesMax: number
  readonly #link: Link
  readonly #topics: CloudTopics
  readonly #format: Format | undefined

  /**
   * Wire bytes of a batch in this format, as a multiple of the bytes of the batch that the store made; a running
   * mean.
   */
  expansion = 1
  /** Bytes that one message of a format may have. */
  readonly #messageBytesMax: number

  /**
   * @param options `format` undefined: batches are sent as the store made them; `bytesMax`: size limit of one message
   */
  constructor(
    link: Link,
    topics: CloudTopics,
    { format, bytesMax }: { readonly format: Format | undefined; readonly bytesMax: number },
  ) {
    const topicBytes = Math.max(Buffer.byteLength(topics.backfill), Buffer.byteLength(topics.amend))
    this.payloadBytesMax = link.packetBytesMax - PUBLISH_HEADER_BYTES_MAX - topicBytes - BATCH_CONTENT_TYPE.length
    this.#link = link
    this.#topics = topics
    this.#format = format
    this.#messageBytesMax = Math.min(bytesMax, this.payloadBytesMax)
    if (format !== undefined) this.expansion = FIRST_EXPANSION
  }

  /**
   * Resolves with the broker's answer, the one with the highest reason code if there are several messages.
   * @throws LinkError if the link ends before
   */
  async publish(outgoing: Batch | Amendments): Promise<BrokerAnswer> {
    if (this.#format !== undefined) return this.#publishAs(this.#format, outgoing)
    const topic = outgoing.kind === 'batch' ? this.#topics[outgoing.lane] : this.#topics.amend
    const { reasonCode } = await this.#link.publish(topic, outgoing.bytes, { qos: 1, contentType: BATCH_CONTENT_TYPE })
    return { reasonCode, topic }
  }

  /** The other formats cannot represent a changed verdict, so amendments are not sent in them. */
  async #publishAs(format: Format, outgoing: Batch | Amendments): Promise<BrokerAnswer> {
    if (outgoing.kind === 'amendments') return NOT_ASKED
    const decoded = decodeBatch(outgoing.bytes, OWN_BATCH)
    assert(decoded.ok, 'a batch that was just built can be opened')
    const options = { historical: outgoing.lane === 'backfill', bytesMax: this.#messageBytesMax }
    const messages = format.encode(decoded.batch, options)
    const bytes = messages.reduce((sum, { topic, payload }) => sum + topic.length + payload.length, 0)
    this.expansion = (this.expansion + bytes / outgoing.bytes.length) / 2
    return this.send(messages)
  }

  /** Publishes the messages that open the connection. @throws Error if the broker refuses one: readings need it */
  async begin(format: Format): Promise<void> {
    const { reasonCode, topic } = await this.send(format.begin())
    if (meaningOf(reasonCode, { keepsLatest: true }) === 'taken') return
    throw new Error(
      `the broker refused ${topic}, the first message of the connection, with reason 0x${reasonCode.toString(16)}`,
    )
  }

  /** Publishes in this order. Resolves with the answer that has the highest reason code. */
  async send(messages: readonly FormattedMessage[]): Promise<BrokerAnswer> {
    const answers = messages.map(async ({ topic, payload, ...options }) => {
      return { ...(await this.#link.publish(topic, payload, options)), topic }
    })
    return worstOf(await Promise.all(answers))
  }
}
