/** MQTT 3.1.1 packets, encoded before the clock starts. */

/** First message number of a connection. All numbers have six digits, so all packets have the same length. */
export const NUMBER_FIRST = 100_000
export const MESSAGES_MAX = 899_999
/** UTC ms in the first message of each connection (2026-01-01T00:00:00Z); one more in each further message. */
export const TS_FIRST = 1_767_225_600_000
const MESSAGE_IDS = 65_535

export type PayloadKind = 'json' | 'number'

export function deviceName(connection: number): string {
  return `dev-${String(connection).padStart(4, '0')}`
}

/** The value is the message number in hundredths: different in each message, with two decimals as from a thermometer. */
function payload(kind: PayloadKind, n: number): string {
  const value = ((NUMBER_FIRST + n) / 100).toFixed(2)
  return kind === 'json' ? `{"value":${value},"ts":${TS_FIRST + n}}` : value
}

function packet(type: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  const length: number[] = []
  let rest = body.length
  do {
    length.push((rest % 128) | (rest >= 128 ? 0x80 : 0))
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  return Buffer.concat([Uint8Array.of(type, ...length), body])
}

function text(content: string): Buffer {
  const bytes = Buffer.from(content)
  return Buffer.concat([Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes])
}

export function connectPacket(clientId: string): Buffer {
  return packet(0x10, text('MQTT'), Uint8Array.of(4, 0x02, 0, 0), text(clientId)) // clean session, no keepalive
}

export function subscribePacket(filter: string): Buffer {
  return packet(0x82, Uint8Array.of(0, 1), text(filter), Uint8Array.of(1))
}

/** Message ids go from 1 to 65,535 and begin again. */
export function messageId(n: number): number {
  return (n % MESSAGE_IDS) + 1
}

/** All PUBLISH packets of one connection, one after the other; each has `size` bytes. */
export function publishPackets(options: { connection: number; messages: number; qos: 1 | 2; payload: PayloadKind }): {
  bytes: Buffer
  size: number
} {
  const topic = text(`telemetry/${deviceName(options.connection)}/temperature`)
  const type = 0x30 | (options.qos << 1)
  const first = packet(type, topic, Uint8Array.of(0, 0), Buffer.from(payload(options.payload, 0)))
  const { length: size } = first
  const idAt = first.indexOf(topic) + topic.length
  const bytes = Buffer.alloc(size * options.messages, first)
  for (let n = 0; n < options.messages; n++) {
    bytes.writeUInt16BE(messageId(n), n * size + idAt)
    bytes.write(payload(options.payload, n), n * size + idAt + 2, 'latin1')
  }
  return { bytes, size }
}
