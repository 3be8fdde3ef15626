import type { TlsSettings } from '../base/tls-files.ts'

/**
 * One MQTT connection to the cloud broker. It never reconnects: the caller opens a new link, and so knows exactly which
 * messages the broker has not acknowledged.
 */
export interface Link {
  readonly protocolVersion: 4 | 5
  /** QoS 1 messages that may be unacknowledged at once (MQTT 5, 3.2.2.3.3). The broker ends the link beyond it. */
  readonly receiveMaximum: number
  /**
   * The largest packet that the broker accepts, in bytes, with header (MQTT 5, 3.2.2.3.6; otherwise MQTT's own limit).
   */
  readonly packetBytesMax: number
  /** Whether the broker still had the session of this client id, with its subscriptions and its queue. */
  readonly sessionPresent: boolean
  /**
   * Whether the broker supports shared subscriptions, `$share/{group}/{filter}` (MQTT 5, 4.8.2); false in MQTT 3.1.1.
   */
  readonly sharedSubscriptions: boolean
  /** Bytes that the connection has carried so far, in both directions; without the overhead of TLS, TCP and IP. */
  readonly wireBytes: number

  /**
   * Resolves at the PUBACK (QoS 1) or when the packet is written (QoS 0). The reason code of the broker is a value, not
   * an exception: 0, 16 (no matching subscribers), or an error code ≥ 0x80 (MQTT 5, 3.4.2.1). There is no timeout.
   * @throws LinkError 'lost' when the link ends before the answer; the message may or may not have arrived.
   */
  publish(topic: string, payload: Uint8Array, options: PublishOptions): Promise<Published>

  /**
   * @throws LinkError 'refused' when the broker refuses the filter or grants less than `qos`, 'lost' when the link
   * ends.
   */
  subscribe(filter: string, qos: 0 | 1): Promise<void>

  /** Ends a subscription of the session; a missing one is not an error. @throws LinkError 'lost' when the link ends. */
  unsubscribe(filter: string): Promise<void>

  /** Resolves once, when the link has ended: with the reason, or with undefined after `close` or `destroy`. */
  readonly closed: Promise<Error | undefined>

  /** Ends the link at once, without DISCONNECT: the broker publishes the will. For a link that seems dead. */
  destroy(): void

  /** Sends DISCONNECT and waits for the end, at most CLOSE_MS. Publishes in flight are rejected. */
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
 * Handles a message. Calls come in the order of arrival, without waiting for earlier ones to settle; at most
 * MESSAGES_OPEN_MAX are unsettled at once. A QoS 1 message is acknowledged after the promise has resolved, in the order
 * of arrival. A rejection ends the link with this message unacknowledged, so that the broker sends it again.
 */
export type MessageHandler = (topic: string, payload: Uint8Array, info: MessageInfo) => Promise<void> | void

export interface MessageInfo {
  /** The broker retained it before this subscription: its age is unknown. */
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
  /**
   * Called with a text for the log about something that will become a problem, such as a certificate that expires soon.
   */
  readonly warn?: ((text: string) => void) | undefined
  /** Whether the broker keeps subscriptions and queue while the client is offline, for at most `sessionExpiryS`. */
  readonly session: boolean
  /** Seconds. MQTT 3.1.1 has no such field: the broker decides for how long it keeps a session. */
  readonly sessionExpiryS?: number
  /** Messages handed over and not yet settled, at most; default and upper limit: MESSAGES_OPEN_MAX. */
  readonly messagesOpenMax?: number
  /**
   * The largest packet that is read (bytes); default: MQTT's own limit. The CONNECT states it, so a broker with MQTT 5
   * drops larger messages; a larger packet ends the link.
   */
  readonly receivedBytesMax?: number
  readonly keepaliveS: number
  /** From the first TCP packet to the CONNACK; the fallback to MQTT 3.1.1 has the same time once more. */
  readonly connectTimeoutMs: number
  readonly will?: Will
  /** Called only after `openLink` has resolved. */
  readonly onMessage?: MessageHandler
  /** Aborts connecting; has no effect once the link is open. */
  readonly signal?: AbortSignal
}

/**
 * Messages handed over and not yet settled, at most. The rest waits in the broker (MQTT 5) or the socket (MQTT 3.1.1).
 */
export const MESSAGES_OPEN_MAX = 64
/**
 * Default of `sessionExpiryS`. The broker may discard the session after a longer absence. Nothing is lost by that:
 * messages without an answer are sent again.
 */
export const SESSION_EXPIRY_S = 7 * 86_400
/** Time for a clean end after DISCONNECT (ms); then the socket is destroyed. */
export const CLOSE_MS = 1_000

/**
 * `refused`: the broker refused the connection or subscription. `unreachable`: no MQTT broker answers. `tls`: one side
 * does not trust the other, or a certificate is missing or unusable. `timeout`: no answer in time. `lost`: an open link
 * ended, or the caller's signal aborted connecting.
 */
export type LinkErrorKind = 'refused' | 'unreachable' | 'tls' | 'timeout' | 'lost'

export class LinkError extends Error {
  override readonly name = 'LinkError'
  readonly kind: LinkErrorKind
  /** The broker's code: MQTT 5 reason code or MQTT 3.1.1 return code. */
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
