import { pause } from '../../src/base/clock.ts'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { onStop } from '../../support/started.ts'

/** Pause between two attempts to connect (ms). */
const RETRY_MS = 20

export interface DeviceOptions {
  readonly port: number
  readonly name: string
  readonly qos: 1 | 2
  /** Values 0 … count - 1, in order. */
  readonly count: number
  /** The maximum number of unacknowledged publishes. */
  readonly window?: number
  /**
   * True: the payload contains a time. False: only the packet identifier distinguishes a repeat from a new reading.
   */
  readonly timed: boolean
  /** Called in the tick in which a publish is acknowledged: PUBACK, or PUBREC. */
  readonly onAcknowledged?: (count: number) => void
}

/**
 * A device that follows MQTT 3.1.1 §4.4: with a persistent session, it reconnects until it succeeds, and repeats
 * unacknowledged publishes with DUP and in order.
 */
export class Device {
  acknowledged = 0
  /** True: acknowledgements are lost until the device connects again. */
  deaf = false
  /** Acknowledgements that were lost on this connection. */
  unheard = 0
  readonly #options: DeviceOptions
  readonly #startedAt = Date.now()
  /** Value by packet identifier, without PUBACK or PUBREC, in the order of sending. */
  readonly #open = new Map<number, number>()
  /** PUBREC has arrived, PUBCOMP has not. */
  readonly #released = new Set<number>()
  #next = 0
  #stopped = false

  constructor(options: DeviceOptions) {
    this.#options = options
    onStop(() => {
      this.#stopped = true
    })
  }

  /** Resolves when the handshakes of all publishes are complete. */
  async run(): Promise<void> {
    while (!this.#done && !this.#stopped) {
      const client = await this.#connect()
      if (client === undefined) await pause(RETRY_MS)
      else await this.#talk(client)
    }
  }

  get #done(): boolean {
    return this.#next === this.#options.count && this.#open.size === 0 && this.#released.size === 0
  }

  async #connect(): Promise<RawClient | undefined> {
    try {
      return await RawClient.connect(this.#options.port, this.#options.name, { clean: false })
    } catch {
      return undefined
    }
  }

  async #talk(client: RawClient): Promise<void> {
    this.deaf = false
    this.unheard = 0
    client.send(
      ...[...this.#open].map(([messageId, value]) => this.#packet(messageId, value, true)),
      ...[...this.#released].map((messageId) => ({ cmd: 'pubrel' as const, messageId })),
    )
    const finished = new Promise<void>((resolve) => {
      client.onClosed = resolve
      client.onPacket = (packet) => {
        client.received.length = 0
        if (this.deaf) {
          this.unheard++
          return
        }
        if (packet.messageId !== undefined) this.#heard(client, packet.cmd, packet.messageId)
        this.#fill(client)
        if (this.#done) resolve()
      }
    })
    this.#fill(client)
    if (!client.closed) await finished
    client.destroy()
  }

  #heard(client: RawClient, cmd: string, messageId: number): void {
    if (cmd === 'pubcomp') this.#released.delete(messageId)
    if (cmd === 'pubrec') {
      this.#released.add(messageId)
      client.send({ cmd: 'pubrel', messageId })
    }
    if ((cmd === 'puback' || cmd === 'pubrec') && this.#open.delete(messageId)) {
      this.acknowledged++
      this.#options.onAcknowledged?.(this.acknowledged)
    }
  }

  #fill(client: RawClient): void {
    const { count, window = 100 } = this.#options
    const packets = []
    while (this.#next < count && this.#open.size + this.#released.size < window) {
      const value = this.#next++
      const messageId = (value % 65_535) + 1
      this.#open.set(messageId, value)
      packets.push(this.#packet(messageId, value, false))
    }
    if (packets.length > 0) client.send(...packets)
  }

  #packet(messageId: number, value: number, dup: boolean) {
    const { name, qos, timed } = this.#options
    const payload = timed ? `{"value":${value},"ts":${this.#startedAt + value}}` : `${value}`
    return publishPacket(`telemetry/${name}/n`, payload, { qos, messageId, dup })
  }
}

/** Starts a device; `finished` rejects when the device fails. */
export function startDevice(options: DeviceOptions): { device: Device; finished: Promise<void> } {
  const device = new Device(options)
  const finished = device.run()
  finished.catch(() => undefined)
  return { device, finished }
}
