/** Longest fixed header (MQTT 3.1.1 §2.2): type and flags, and four bytes of remaining length. */
const HEADER_BYTES_MAX = 5

/** Where a packet is in the received bytes. The next call reuses the object. */
export interface Frame {
  /** First byte of type and flags. */
  start: number
  /** First byte after the remaining length. */
  body: number
  /** First byte after the packet; it may be beyond the received bytes. */
  end: number
}

/** What is at `start`: a packet with a complete header, the beginning of a header, or bytes that are not MQTT. */
export function readFrame(bytes: Uint8Array, start: number, frame: Frame): 'frame' | 'short' | 'malformed' {
  let length = 0
  for (let at = start + 1; at < start + HEADER_BYTES_MAX; at++) {
    const byte = bytes[at]
    if (byte === undefined) return 'short'
    length += (byte & 0x7f) * 128 ** (at - start - 1)
    if (byte < 0x80) {
      frame.start = start
      frame.body = at + 1
      frame.end = at + 1 + length
      return 'frame'
    }
  }
  return 'malformed'
}

/** The content of a plain PUBLISH (MQTT 3.1.1 §3.3). The next call reuses the object; `payload` is a view. */
export interface PlainPublish {
  topic: string
  qos: 0 | 1
  dup: boolean
  /** 0 with QoS 0. */
  messageId: number
  payload: Buffer
}

const PUBLISH = 0x30
const RETAIN = 0x01
const QOS_1 = 0x02
const QOS_2 = 0x04
const DUP = 0x08

/** Reads a PUBLISH of QoS 0 or 1 that is not retained. False: it is another packet, or not well-formed. */
export function readPlainPublish(bytes: Buffer, { start, body, end }: Frame, publish: PlainPublish): boolean {
  const header = bytes[start]!
  if ((header & 0xf0) !== PUBLISH || (header & (RETAIN | QOS_2)) !== 0) return false
  const topicEnd = body + 2 + ((bytes[body]! << 8) | bytes[body + 1]!)
  const qos = (header & QOS_1) !== 0 ? 1 : 0
  const payloadStart = topicEnd + 2 * qos
  if (payloadStart > end) return false
  publish.qos = qos
  publish.dup = (header & DUP) !== 0
  publish.messageId = qos === 1 ? (bytes[topicEnd]! << 8) | bytes[topicEnd + 1]! : 0
  publish.topic = bytes.toString('utf8', body + 2, topicEnd)
  publish.payload = bytes.subarray(payloadStart, end)
  return true
}
