/**
 * Publishes as fast as the broker acknowledges, on raw sockets. It shares the machine's cores with the broker, so it must
 * be cheap: packets are encoded in advance and written as slices, acknowledgements are read into a fixed buffer, and nothing
 * is allocated per message.
 */
import { connect, type Socket } from 'node:net'
import type { LoadOptions, LoadResult } from './load.ts'
import { connectPacket, messageId, publishPackets } from './packets.ts'

const READ_BYTES = 65_536
/** Fits in the shortest listen backlog, which is Mosquitto's. */
const CONNECTING_MAX = 100
/** The latency of every 64th message is measured. */
const LATENCY_EVERY = 64

const CONNACK = 0x20
const PUBACK = 0x40
const PUBREC = 0x50
const PUBREL = 0x62
const PUBCOMP = 0x70

class Publisher {
  readonly #window: number
  readonly #messages: number
  readonly #packets: Buffer
  readonly #size: number
  readonly #clientId: string
  readonly #port: number
  #socket!: Socket
  readonly #readBuffer = Buffer.allocUnsafe(READ_BYTES)
  /** Up to four bytes of one packet: CONNACK and every acknowledgement are exactly four bytes long. */
  readonly #head = Buffer.alloc(4)
  #headLength = 0
  #sent = 0
  acknowledged = 0
  readonly #sentAt: Float64Array
  readonly latenciesMs: Float64Array
  #onConnected = (): void => {}
  #onDone = (): void => {}
  #releases: Buffer[] = []

  constructor(options: LoadOptions, connection: number) {
    const { bytes, size } = publishPackets({ ...options, connection })
    this.#packets = bytes
    this.#size = size
    this.#window = options.window
    this.#messages = options.messages
    this.#clientId = `load-${connection}`
    this.#sentAt = new Float64Array(Math.ceil(options.messages / LATENCY_EVERY))
    this.latenciesMs = new Float64Array(this.#sentAt.length)
    this.#port = options.port
  }

  /** Called once all packets are encoded, because a broker closes connections that send nothing for too long. */
  connect(): Promise<void> {
    this.#socket = connect({
      port: this.#port,
      host: '127.0.0.1',
      noDelay: true,
      onread: { buffer: this.#readBuffer, callback: (length) => this.#read(length) },
    })
    this.#socket.on('error', (failure) => fail(`${this.#clientId}: ${failure.message}`))
    this.#socket.on('close', () => {
      const when = this.#sent === 0 ? 'before the first message' : `after ${this.acknowledged} acknowledgements`
      if (this.acknowledged < this.#messages) fail(`${this.#clientId}: the broker closed the connection ${when}`)
    })
    this.#socket.write(connectPacket(this.#clientId))
    return new Promise((resolve) => {
      this.#onConnected = resolve
    })
  }

  publishAll(): Promise<void> {
    return new Promise((resolve) => {
      this.#onDone = resolve
      this.#fillWindow()
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #fillWindow(): void {
    const until = Math.min(this.acknowledged + this.#window, this.#messages)
    if (this.#sent >= until) return
    const now = performance.now()
    for (let n = Math.ceil(this.#sent / LATENCY_EVERY); n * LATENCY_EVERY < until; n++) this.#sentAt[n] = now
    this.#socket.write(this.#packets.subarray(this.#sent * this.#size, until * this.#size))
    this.#sent = until
  }

  #read(length: number): boolean {
    const bytes = this.#readBuffer
    let at = 0
    while (this.#headLength > 0 && at < length) this.#collect(bytes[at++]!)
    for (; at + 4 <= length; at += 4) this.#packet(bytes[at]!, (bytes[at + 2]! << 8) | bytes[at + 3]!)
    while (at < length) this.#collect(bytes[at++]!)
    if (this.#releases.length > 0) {
      this.#socket.write(Buffer.concat(this.#releases))
      this.#releases = []
    }
    if (this.acknowledged === this.#messages) this.#onDone()
    else if (this.acknowledged > 0) this.#fillWindow()
    return true
  }

  #collect(byte: number): void {
    this.#head[this.#headLength++] = byte
    if (this.#headLength < 4) return
    this.#headLength = 0
    this.#packet(this.#head[0]!, this.#head.readUInt16BE(2))
  }

  #packet(type: number, id: number): void {
    if (type === PUBACK || type === PUBCOMP) {
      const n = this.acknowledged++
      if (id !== messageId(n)) fail(`${this.#clientId}: acknowledgement ${id} instead of ${messageId(n)}`)
      if (n % LATENCY_EVERY === 0) {
        const sample = n / LATENCY_EVERY
        this.latenciesMs[sample] = performance.now() - this.#sentAt[sample]!
      }
    } else if (type === PUBREC) {
      this.#releases.push(Buffer.of(PUBREL, 2, id >> 8, id & 0xff))
    } else if (type === CONNACK) {
      if (id !== 0) fail(`${this.#clientId}: connection rejected with code ${id}`)
      this.#onConnected()
    } else fail(`${this.#clientId}: unexpected packet ${type}`)
  }
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

const options = JSON.parse(process.argv[2]!) as LoadOptions
const publishers = Array.from({ length: options.connections }, (_, connection) => new Publisher(options, connection))
for (let at = 0; at < publishers.length; at += CONNECTING_MAX) {
  await Promise.all(publishers.slice(at, at + CONNECTING_MAX).map((publisher) => publisher.connect()))
}
const start = performance.now()
await Promise.all(publishers.map((publisher) => publisher.publishAll()))
const ms = performance.now() - start
for (const publisher of publishers) publisher.close()

const latencies = Float64Array.from(publishers.flatMap((publisher) => [...publisher.latenciesMs])).sort()
const percentile = (share: number): number => latencies[Math.floor((latencies.length - 1) * share)]!
const messages = publishers.reduce((sum, publisher) => sum + publisher.acknowledged, 0)
const result: LoadResult = {
  messages,
  ms,
  perSecond: (messages / ms) * 1000,
  ackMs50: percentile(0.5),
  ackMs99: percentile(0.99),
  ackMsMax: percentile(1),
  cpuMs: (process.cpuUsage().user + process.cpuUsage().system) / 1000,
}
process.stdout.write(`${JSON.stringify(result)}\n`)
