import type { TlsSettings } from '../base/tls-files.ts'

/**
 * One MQTT connection to the cloud's broker: made once, lost once, never mended. Whoever opened it opens the next one,
 * and knows then for certain what the far side has not acknowledged.
 */
export interface Link {
  readonly protocolVersion: 4 | 5
  /** Messages with QoS 1 that the broker takes unacknowledged at once (MQTT 5, 3.2.2.3.3). Exceeding it ends the link. */
  readonly receiveMaximum: number
  /** The largest packet that the broker takes, in bytes, header included (MQTT 5, 3.2.2.3.6; else MQTT's own limit). */
  readonly packetBytesMax: number
  /** Whether the broker still had the session of this client id, with its subscriptions and its queue. */
  readonly sessionPresent: boolean
  /** Whether `$share/{group}/{filter}` means a shared subscription here (MQTT 5, 4.8.2); never so in MQTT 3.1.1. */
  readonly sharedSubscriptions: boolean
  /** Bytes that the connection has carried until now, both ways; without what TLS, TCP and IP add. */
  readonly wireBytes: number

  /**
   * Resolves at the PUBACK (QoS 1) or when the packet is written (QoS 0). What the broker answered is a value: 0, 16 (no
   * matching subscribers), or an error code ≥ 0x80 (MQTT 5, 3.4.2.1). There is no timeout.
   * @throws LinkError 'lost' when the link ends before the answer; the message may or may not have arrived.
   */
  publish(topic: string, payload: Uint8Array, options: PublishOptions): Promise<Published>

  /** @throws LinkError 'refused' when the broker refuses the filter or grants less than `qos`, 'lost' when it ends. */
  subscribe(filter: string, qos: 0 | 1): Promise<void>

  /** Ends a subscription of the session; one that was not there is no error. @throws LinkError 'lost' when the link ends. */
  unsubscribe(filter: string): Promise<void>

  /** Resolves once, when the link has ended: with the reason, or with undefined after `close` or `destroy`. */
  readonly closed: Promise<Error | undefined>

  /** Ends it at once and without a goodbye: the broker publishes the will. For a link that seems dead. */
  destroy(): void

  /** Says DISCONNECT and waits for the end, at most CLOSE_MS. What is in flight is rejected. */
  close(): Promise<void>
}

export interface PublishOptions {
  readonly qos: 0 | 1
  readonly retain?: boolean
  /** MIME type of the payload (MQTT 5, 3.3.2.3.9); not sent in 3.1.1. */
  readonly contentType?: string
}

export interface Published {
  readonly reasonCode: number
}

export interface Will {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: 0 | 1
  readonly retain: boolean
}

/**
 * Takes a message. Calls come in the order of arrival, each without waiting for the one before, at most
 * MESSAGES_OPEN_MAX at once. The broker's QoS 1 message is acknowledged after the promise has resolved, in the order of
 * arrival; a rejection ends the link with this message unacknowledged, so that the broker sends it again.
 */
export type MessageHandler = (topic: string, payload: Uint8Array, info: MessageInfo) => Promise<void> | void

export interface MessageInfo {
  /** The broker kept it from before this subscription: nobody knows how old it is. */
  readonly retained: boolean
}

export interface LinkOptions {
  /** mqtt://, mqtts://, ws:// or wss://, host and port. */
  readonly url: string
  readonly clientId: string
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** For mqtts:// and wss://; its files are read at every call of `openLink`, so that certificates can be replaced. */
  readonly tls?: TlsSettings | undefined
  /** Is told what a person should look at before it becomes trouble: a certificate that soon expires. */
  readonly warn?: ((text: string) => void) | undefined
  /** Whether the broker keeps subscriptions and queue while the client is away, for at most `sessionExpiryS`. */
  readonly session: boolean
  /** Seconds; MQTT 3.1.1 has no word for it, and its brokers keep a session for as long as they like. */
  readonly sessionExpiryS?: number
  /** Messages handed over and not yet settled at once, at most; never above MESSAGES_OPEN_MAX, its default. */
  readonly messagesOpenMax?: number
  readonly keepaliveS: number
  /** From the first TCP packet to the CONNACK; the fall-back to MQTT 3.1.1 has as long again. */
  readonly connectTimeoutMs: number
  readonly will?: Will
  /** Is called after `openLink` has resolved, never before. */
  readonly onMessage?: MessageHandler
  /** Gives up connecting when it fires; of no effect on the link once it is open. */
  readonly signal?: AbortSignal
}

/** Handed over and not yet settled; the broker keeps the rest (MQTT 5), or it waits in the socket (MQTT 3.1.1). */
export const MESSAGES_OPEN_MAX = 64
/** Absent for longer, the broker may forget the session, unless the options say another time. Nothing is lost by that: what has no answer is sent again. */
export const SESSION_EXPIRY_S = 7 * 86_400
/** A goodbye that is not taken by then is cut short. */
export const CLOSE_MS = 1_000

/**
 * `refused`: the broker said no. `unreachable`: nobody spoke MQTT. `tls`: one side does not trust the other, or has nothing to be
 * trusted by. `timeout`: no answer in time. `lost`: it was open, or given up by the caller's signal.
 */
export type LinkErrorKind = 'refused' | 'unreachable' | 'tls' | 'timeout' | 'lost'

export class LinkError extends Error {
  override readonly name = 'LinkError'
  readonly kind: LinkErrorKind
  /** The broker's own word: MQTT 5 reason code or MQTT 3.1.1 return code. */
  readonly reasonCode: number | undefined

  constructor(
    kind: LinkErrorKind,
    message: string,
    options: { reasonCode?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.kind = kind
    this.reasonCode = options.reasonCode
  }
}
