import type { MqttClient } from 'mqtt'
import { type IConnackPacket, type IConnectPacket, type Packet, writeToStream } from 'mqtt-packet'
import { messageOf } from '../base/errors.ts'
import { incompatiblePackage } from '../base/pinned-package.ts'
import type { Inbound } from './inbound.ts'
import {
  CLOSE_MS,
  type Link,
  LinkError,
  type LinkOptions,
  MESSAGES_OPEN_MAX,
  type Published,
  type PublishOptions,
  SESSION_EXPIRY_S,
} from './link.ts'
import { reasonText } from './reasons.ts'

const RECEIVE_MAXIMUM_DEFAULT = 65_535
/** A fixed header of 5 bytes and the largest remaining length (MQTT 5, 1.5.5). */
const PACKET_BYTES_LIMIT = 268_435_460

type IConnectProperties = NonNullable<IConnectPacket['properties']>

/** One connection of MQTT.js. Only its protocol handling is used: no reconnect, no queue, no retransmission. */
export class MqttLink implements Link {
  readonly protocolVersion: 4 | 5
  readonly receiveMaximum: number
  readonly packetBytesMax: number
  readonly sessionPresent: boolean
  readonly sharedSubscriptions: boolean
  readonly closed: Promise<Error | undefined>
  readonly #client: MqttClient
  readonly #inbound: Inbound
  readonly #inFlight = new Set<(lost: Error) => void>()
  #onClosed!: (reason: Error | undefined) => void
  #ended = false
  /** Reason code of the PUBACK that is being read: MQTT.js does not pass it to the callback of the publish. */
  #reasonCode = 0

  constructor(client: MqttClient, inbound: Inbound, connack: IConnackPacket, protocolVersion: 4 | 5) {
    this.protocolVersion = protocolVersion
    this.receiveMaximum = connack.properties?.receiveMaximum ?? RECEIVE_MAXIMUM_DEFAULT
    this.packetBytesMax = connack.properties?.maximumPacketSize ?? PACKET_BYTES_LIMIT
    this.sessionPresent = connack.sessionPresent
    this.sharedSubscriptions = protocolVersion === 5 && connack.properties?.sharedSubscriptionAvailable !== false
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve
    })
    assertSocketReachable(client.stream)
    this.#client = client
    this.#inbound = inbound
    // Packets are written whole, so a packet must not wait for the TCP ACK of the one before it (RFC 1122, 4.2.3.4).
    socketUnder(client.stream).setNoDelay?.(true)
    client.on('packetreceive', (packet) => this.#hear(packet))
    client.on('error', (cause) => this.fail(cause))
    client.on('close', () => this.#end(lost('the connection was closed')))
  }

  #hear(packet: Packet): void {
    if (packet.cmd === 'puback') this.#reasonCode = packet.reasonCode ?? 0
    else if (packet.cmd === 'disconnect') {
      const { reasonCode } = packet
      this.#end(lost(`the broker ended the connection: ${reasonText(reasonCode, 5)}`, { reasonCode }))
    }
  }

  /**
   * Writes a packet without MQTT.js, which acknowledges one message at a time and may wait forever before a DISCONNECT.
   */
  write(packet: Packet): void {
    if (!this.#client.stream.destroyed) {
      writeToStream(packet, this.#client.stream, { protocolVersion: this.protocolVersion })
    }
  }

  publish(
    topic: string,
    payload: Uint8Array,
    { qos, retain = false, contentType }: PublishOptions,
  ): Promise<Published> {
    const { promise, resolve, reject } = Promise.withResolvers<Published>()
    if (this.#ended) {
      reject(lost('the connection is already closed'))
      return promise
    }
    const properties = contentType !== undefined && this.protocolVersion === 5 ? { properties: { contentType } } : {}
    this.#inFlight.add(reject)
    // MQTT.js copies what it sends with QoS 1. Of a Buffer it copies the bytes, of any other view the whole
    // ArrayBuffer.
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
    this.#client.publish(topic, bytes, { qos, retain, ...properties }, (failure) => {
      this.#inFlight.delete(reject)
      if (failure && !isRefusal(failure)) reject(lost(failure.message, { cause: failure }))
      else resolve({ reasonCode: qos === 0 ? 0 : this.#reasonCode })
    })
    return promise
  }

  async subscribe(filter: string, qos: 0 | 1): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
    if (this.#ended) throw lost('the connection is already closed')
    this.#inFlight.add(reject)
    this.#client.subscribe(filter, { qos }, (failure, _grants, suback) => {
      const granted = suback?.granted[0]
      if (failure && granted === undefined) reject(lost(failure.message, { cause: failure }))
      else resolve(typeof granted === 'number' ? granted : undefined)
    })
    const granted = await promise.finally(() => this.#inFlight.delete(reject))
    if (granted === undefined || granted < qos || granted >= 0x80) {
      const why = granted === undefined || granted >= 0x80 ? reasonText(granted, 5) : `it grants QoS ${granted} at most`
      throw new LinkError('refused', `the broker refused the subscription ${filter}: ${why}`, { reasonCode: granted })
    }
  }

  async unsubscribe(filter: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    if (this.#ended) throw lost('the connection is already closed')
    this.#inFlight.add(reject)
    this.#client.unsubscribe(filter, (failure) => {
      if (failure && !isRefusal(failure)) reject(lost(failure.message, { cause: failure }))
      else resolve()
    })
    await promise.finally(() => this.#inFlight.delete(reject))
  }

  get wireBytes(): number {
    const { bytesRead = 0, bytesWritten = 0 } = socketUnder(this.#client.stream)
    return bytesRead + bytesWritten
  }

  /** Ends the link at once because of an error. */
  fail(cause: unknown): void {
    this.#end(cause instanceof LinkError ? cause : lost(`the connection was ended: ${messageOf(cause)}`, { cause }))
  }

  destroy(): void {
    this.#end(undefined)
  }

  async close(): Promise<void> {
    if (this.#ended) return
    const { stream } = this.#client
    const gone = new Promise<void>((resolve) => stream.once('close', () => resolve()))
    this.write({ cmd: 'disconnect', reasonCode: 0 })
    const timer = setTimeout(() => stream.destroy(), CLOSE_MS)
    this.#settle(undefined)
    stream.end()
    await gone
    clearTimeout(timer)
  }

  #end(reason: Error | undefined): void {
    this.#settle(reason)
    this.#client.stream.destroy()
  }

  #settle(reason: Error | undefined): void {
    if (this.#ended) return
    this.#ended = true
    this.#inbound.end()
    for (const reject of this.#inFlight) reject(reason ?? lost('the connection was closed'))
    this.#inFlight.clear()
    this.#onClosed(reason)
  }
}

/** MQTT.js fails a publish with the broker's code as a number, and with anything else when the connection ends. */
function isRefusal(failure: Error): boolean {
  return 'code' in failure && typeof failure.code === 'number'
}

/** The TCP or TLS socket. */
interface Socketlike {
  readonly bytesRead?: number
  readonly bytesWritten?: number
  setNoDelay?(noDelay: boolean): unknown
}

/** The socket of a stream of MQTT.js; of a WebSocket stream it is one level deeper. */
function socketUnder(stream: object): Socketlike {
  return 'socket' in stream ? ((stream.socket as { _socket?: object } | null)?._socket ?? {}) : stream
}

/**
 * The TCP socket of a WebSocket counts the bytes for the link budget; ws keeps it in a private member.
 * @throws OperatorError when the installed ws has no such member
 */
function assertSocketReachable(stream: object): void {
  if ('socket' in stream && typeof (stream.socket as { _socket?: object } | null)?._socket !== 'object') {
    throw incompatiblePackage('ws', '`_socket` of an open WebSocket is missing')
  }
}

function lost(message: string, options: { reasonCode?: number | undefined; cause?: unknown } = {}): LinkError {
  return new LinkError('lost', message, options)
}

/** The CONNECT properties of MQTT 5 for these options. */
export function connectProperties(options: LinkOptions): IConnectProperties {
  const { session, sessionExpiryS = SESSION_EXPIRY_S, messagesOpenMax = MESSAGES_OPEN_MAX, receivedBytesMax } = options
  return {
    receiveMaximum: messagesOpenMax,
    sessionExpiryInterval: session ? sessionExpiryS : 0,
    ...(receivedBytesMax !== undefined && { maximumPacketSize: receivedBytesMax }),
  }
}
