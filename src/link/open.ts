import mqtt, { type MqttClient, UniqueMessageIdProvider } from 'mqtt'
import type { IConnackPacket } from 'mqtt-packet'
import { messageOf } from '../base/errors.ts'
import { shownUrl } from '../base/text/shown-url.ts'
import { addressOf } from './address.ts'
import { Inbound } from './inbound.ts'
import { type Link, LinkError, type LinkOptions, MESSAGES_OPEN_MAX } from './link.ts'
import { connectProperties, MqttLink } from './mqtt-link.ts'
import { PacketLengths } from './packet-lengths.ts'
import { reasonText } from './reasons.ts'
import { isSecure, type Secured, secure, speaksTls, tlsTrouble } from './tls.ts'

/** CONNACK codes with which a broker refuses the protocol version: of MQTT 5, and of MQTT 3.1.1. */
const VERSION_REFUSED: readonly (number | undefined)[] = [0x84, 0x01]

/** Socket errors when the peer closes while our CONNECT is in flight. */
const HUNG_UP: readonly string[] = ['ECONNRESET', 'EPIPE']

/**
 * Connects with MQTT 5 or, if the broker does not support it, with MQTT 3.1.1. Tries each at most once and remembers
 * nothing. A TLS error is reported as such and not retried: an older protocol version would not help.
 * @throws LinkError 'refused' with the broker's reason code, 'unreachable', 'tls', or 'timeout'
 */
export async function openLink(options: LinkOptions): Promise<Link> {
  const secured = secure(options)
  for (const warning of secured?.warnings ?? []) options.warn?.(warning)
  try {
    return await new Attempt(options, { version: 5, secured }).link
  } catch (failure) {
    if (!(failure instanceof NotSpoken)) throw failure
    return await new Attempt(options, { version: 4, secured }).link.catch(async (last) => {
      throw (await wantsTls(options, last)) ?? last
    })
  }
}

/** The error that says so if a server that did not understand a plain MQTT client speaks TLS. */
async function wantsTls({ url, signal }: LinkOptions, failure: unknown): Promise<LinkError | undefined> {
  const isNotMqtt = failure instanceof LinkError && failure.kind === 'unreachable' && !isSecure(url)
  if (!isNotMqtt || !(await speaksTls({ ...addressOf(url), signal }))) return undefined
  const instead = url.startsWith('ws') ? 'wss://' : 'mqtts://'
  return new LinkError('tls', `${shownUrl(url)} speaks TLS: write ${instead} in \`url\``, { cause: failure })
}

/** The broker answers but does not support this version: it refused it, or closed the connection before any packet. */
class NotSpoken extends LinkError {}

/** One connection from its first packet to CONNACK. */
class Attempt {
  readonly link: Promise<Link>
  readonly #options: LinkOptions
  readonly #version: 4 | 5
  readonly #secured: Secured | undefined
  readonly #client: MqttClient
  readonly #inbound: Inbound
  #opened: MqttLink | undefined
  #trouble: unknown

  constructor(options: LinkOptions, { version, secured }: { version: 4 | 5; secured: Secured | undefined }) {
    this.#options = options
    this.#version = version
    this.#secured = secured
    this.#client = makeClient(options, { version, secured })
    this.#inbound = new Inbound({
      handle: options.onMessage ?? (() => {}),
      acknowledge: (messageId) => this.#opened?.write({ cmd: 'puback', messageId, reasonCode: 0 }),
      fail: (cause) => this.#opened?.fail(cause),
      openMax: options.messagesOpenMax ?? MESSAGES_OPEN_MAX,
    })
    // The error keeps MQTT.js from sending the acknowledgement itself, and makes it read the next packet.
    this.#client.handleMessage = ({ topic, payload, qos, messageId, retain }, callback) => {
      const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
      this.#inbound.take({ topic, payload: bytes, qos, messageId, retain }, () =>
        callback(new Error('acknowledged later')),
      )
    }
    this.link = this.#connect()
  }

  #connect(): Promise<Link> {
    const client = this.#client
    const { signal } = this.#options
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => fail(this.#timeout()), this.#options.connectTimeoutMs)
      const note = (trouble: unknown): void => {
        this.#trouble ??= trouble
        client.stream.destroy()
      }
      const fail = (failure: LinkError): void => {
        settle()
        client.stream.destroy()
        reject(failure)
      }
      const close = (): void => fail(this.#failure())
      const connect = (connack: IConnackPacket): void => {
        settle()
        this.#opened = new MqttLink(client, this.#inbound, connack, this.#version)
        setImmediate(() => this.#inbound.release())
        resolve(this.#opened)
      }
      const abort = (): void => fail(new LinkError('lost', `connecting to ${shownUrl(this.#options.url)} was aborted`))
      const settle = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
        client.off('error', note).off('close', close).off('connect', connect)
        client.stream?.off('error', note)
      }
      client.on('error', note).on('close', close).on('connect', connect)
      try {
        client.connect()
        client.stream.on('error', note) // MQTT.js does not emit errors without a code
        this.#limitPackets()
      } catch (cause) {
        settle()
        this.#trouble = cause
        return reject(this.#failure())
      }
      signal?.addEventListener('abort', abort)
      if (signal?.aborted) abort()
    })
  }

  /** A packet that is too large ends the connection after its first bytes. */
  #limitPackets(): void {
    const { url, receivedBytesMax } = this.#options
    if (receivedBytesMax === undefined) return
    const { stream } = this.#client
    const lengths = new PacketLengths(receivedBytesMax)
    stream.on('data', (bytes: Uint8Array) => {
      const length = lengths.take(bytes)
      if (length === undefined) return
      const text = `${url} sends a packet of ${length} bytes; at most ${receivedBytesMax} are read`
      this.#trouble ??= new Error(text)
      this.#opened?.fail(new LinkError('lost', text))
      stream.destroy()
    })
  }

  #timeout(): LinkError {
    const { url, connectTimeoutMs } = this.#options
    return new LinkError('timeout', `${shownUrl(url)} did not answer within ${connectTimeoutMs} ms`)
  }

  #failure(): LinkError {
    const { clientId } = this.#options
    const url = shownUrl(this.#options.url)
    const cause = this.#trouble
    const distrust = this.#secured && tlsTrouble(cause)
    if (this.#secured !== undefined && distrust !== undefined) {
      const hints = this.#secured.warnings.map((one) => `; ${one}`).join('')
      return new LinkError('tls', `no TLS connection to ${url}: ${distrust}${hints}`, { cause })
    }
    const code: unknown = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined
    if (typeof code === 'number') {
      const Kind = this.#version === 5 && VERSION_REFUSED.includes(code) ? NotSpoken : LinkError
      const why = reasonText(code, this.#version)
      return new Kind('refused', `${url} refused the client ${clientId}: ${why}`, { reasonCode: code, cause })
    }
    if (typeof code === 'string' && !HUNG_UP.includes(code)) {
      return new LinkError('unreachable', `cannot reach ${url}: ${messageOf(cause) || code}`, { cause })
    }
    const Kind = this.#version === 5 ? NotSpoken : LinkError
    const why = cause === undefined ? 'it closed the connection before it answered' : messageOf(cause)
    return new Kind('unreachable', `${url} does not speak MQTT: ${why}${this.#afterHangUp()}`, { cause })
  }

  /** Other possible reasons when a broker closes the connection without an answer. */
  #afterHangUp(): string {
    if (this.#secured === undefined) return '; if it speaks TLS, its URL begins with mqtts:// or wss://'
    return this.#secured.options.cert === undefined
      ? ''
      : '; or it refuses the client certificate or the identity in it'
  }
}

function makeClient(
  options: LinkOptions,
  { version, secured }: { version: 4 | 5; secured: Secured | undefined },
): MqttClient {
  const { url, clientId, username, password, session, keepaliveS, will } = options
  const client = mqtt.connect(url, {
    manualConnect: true,
    ...secured?.options,
    ...(secured !== undefined && { wsOptions: { ...secured.options } }),
    protocolVersion: version,
    clientId,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    clean: !session,
    keepalive: keepaliveS,
    ...(will !== undefined && { will }),
    ...(version === 5 && { properties: connectProperties(options) }),
    connectTimeout: 2_147_483_647, // our own timer is the shorter one
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    autoUseTopicAlias: false,
    autoAssignTopicAlias: false,
    messageIdProvider: new UniqueMessageIdProvider(),
    timerVariant: 'native',
  })
  // MQTT.js reads it from the environment variable MQTTJS_SOCKS_PROXY.
  delete client.options.socksProxy
  return client
}
