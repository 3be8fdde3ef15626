/**
 * Publishes on their way from the broker thread to the store thread, in one SharedArrayBuffer. The buffer belongs to
 * one thread at a time. (Transferring an ArrayBuffer instead cost 8 % of the main thread in a profile: V8 accounts for
 * its bytes on both sides and collects garbage for them.)
 *
 *     ┌──────────────── messagesMax ────────────────┐
 *     arrival (f64 ms) │ topic (u32) │ client (u32) │ flags and length (u32) │ payload bytes …
 *
 * Topics and clients are numbers that the sender assigned before (see `protocol.ts`). Payload bytes are copied once,
 * since the broker hands out slices of a read buffer that it reuses.
 */

/** Bits above the length: MQTT's DUP flag (the sender may have sent this before), the RETAIN flag, the QoS. */
const DUP = 1 << 31
const RETAIN = 1 << 30
const QOS_SHIFT = 28
/** No MQTT packet is longer (MQTT 3.1.1 §2.2.3). */
const LENGTH_MASK = (1 << QOS_SHIFT) - 1

/** Flags of a PUBLISH packet. */
export interface PublishFlags {
  readonly dup: boolean
  readonly qos?: 0 | 1 | 2
  readonly retain?: boolean
}

const BYTES_PER_MESSAGE = 8 + 4 + 4 + 4

interface Columns {
  readonly arrival: Float64Array
  readonly topic: Uint32Array
  readonly client: Uint32Array
  readonly length: Uint32Array
  readonly payload: Uint8Array
}

function columnsOf(buffer: SharedArrayBuffer, messagesMax: number): Columns {
  return {
    arrival: new Float64Array(buffer, 0, messagesMax),
    topic: new Uint32Array(buffer, messagesMax * 8, messagesMax),
    client: new Uint32Array(buffer, messagesMax * 12, messagesMax),
    length: new Uint32Array(buffer, messagesMax * 16, messagesMax),
    payload: new Uint8Array(buffer, messagesMax * BYTES_PER_MESSAGE),
  }
}

/** Collects publishes into a buffer. After `take` the buffer belongs to the other thread; use a new writer then. */
export class BatchWriter {
  readonly #messagesMax: number
  #buffer: SharedArrayBuffer
  #columns: Columns
  #count = 0
  #bytes = 0

  /** @param buffer returned by an earlier `take` and no longer in use, or undefined to allocate a new one. */
  constructor(messagesMax: number, payloadBytes: number, buffer?: SharedArrayBuffer) {
    this.#messagesMax = messagesMax
    this.#buffer = buffer ?? new SharedArrayBuffer(align(messagesMax * BYTES_PER_MESSAGE + payloadBytes))
    this.#columns = columnsOf(this.#buffer, messagesMax)
  }

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#bytes
  }

  get full(): boolean {
    return this.#count === this.#messagesMax
  }

  add(arrival: number, topic: number, client: number, flags: PublishFlags, payload: Uint8Array): void {
    if (this.#bytes + payload.length > this.#columns.payload.length) this.#grow(this.#bytes + payload.length)
    const { arrival: arrivals, topic: topics, client: clients, length, payload: bytes } = this.#columns
    const at = this.#count++
    arrivals[at] = arrival
    topics[at] = topic
    clients[at] = client
    const { dup, qos = 0, retain = false } = flags
    length[at] = payload.length | (qos << QOS_SHIFT) | (retain ? RETAIN : 0) | (dup ? DUP : 0)
    bytes.set(payload, this.#bytes)
    this.#bytes += payload.length
  }

  #grow(payloadBytes: number): void {
    const wanted = Math.max(payloadBytes, this.#columns.payload.length * 2)
    const buffer = new SharedArrayBuffer(align(this.#messagesMax * BYTES_PER_MESSAGE + wanted))
    const old = new Uint8Array(this.#buffer, 0, this.#messagesMax * BYTES_PER_MESSAGE + this.#bytes)
    new Uint8Array(buffer).set(old)
    this.#buffer = buffer
    this.#columns = columnsOf(buffer, this.#messagesMax)
  }

  take(): { buffer: SharedArrayBuffer; count: number } {
    return { buffer: this.#buffer, count: this.#count }
  }
}

/**
 * One publish of a batch. The same object is reused for the next publish; the payload is a view that is valid only
 * until the batch is returned.
 */
export interface Publish {
  arrival: number
  topic: number
  client: number
  dup: boolean
  qos: 0 | 1 | 2
  retain: boolean
  payload: Buffer
}

/** The publishes of a taken batch, in the order of arrival. */
export function* readBatch(
  buffer: SharedArrayBuffer,
  messagesMax: number,
  count: number,
): Generator<Publish, void, undefined> {
  const { arrival, topic, client, length } = columnsOf(buffer, messagesMax)
  const publish: Publish = {
    arrival: 0,
    topic: 0,
    client: 0,
    dup: false,
    qos: 0,
    retain: false,
    payload: Buffer.alloc(0),
  }
  let start = messagesMax * BYTES_PER_MESSAGE
  for (let at = 0; at < count; at++) {
    const field = length[at]!
    const bytes = field & LENGTH_MASK
    publish.arrival = arrival[at]!
    publish.topic = topic[at]!
    publish.client = client[at]!
    publish.dup = (field & DUP) !== 0
    publish.retain = (field & RETAIN) !== 0
    publish.qos = ((field >>> QOS_SHIFT) & 3) as Publish['qos']
    publish.payload = Buffer.from(buffer, start, bytes)
    start += bytes
    yield publish
  }
}

/** A Float64Array needs a length that is a multiple of eight. */
function align(bytes: number): number {
  return Math.ceil(bytes / 8) * 8
}
