import { pause } from '../../src/base/clock.ts'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { onStop } from '../../support/started.ts'

/** Between two attempts to connect (ms). */
const RETRY_MS = 20

export interface DeviceOptions {
  readonly port: number
  readonly name: string
  readonly qos: 1 | 2
  /** Values 0 … count - 1, in order. */
  readonly count: number
  /** Publishes without an acknowledgement at once. */
  readonly window?: number
  /** True: the payload carries a time of its own. False: only the packet identifier tells a repeat from a new reading. */
  readonly timed: boolean
  /** Told in the tick in which a publish is acknowledged: PUBACK, or PUBREC. */
  readonly onAcknowledged?: (count: number) => void
}

/**
 * A device as MQTT 3.1.1 §4.4 wants it: with a lasting session, it connects again for as long as it takes, and repeats
 * what has no acknowledgement yet, with DUP and in order.
 */
export class Device {
  acknowledged = 0
  /** True: acknowledgements are lost on their way, until the device connects again. */
  deaf = false
  readonly #options: DeviceOptions
  readonly #startedAt = Date.now()
  /** Value by packet identifier, without PUBACK or PUBREC, in the order of sending. */
  readonly #open = new Map<number, number>()
  /** PUBREC came, PUBCOMP did not. */
  readonly #released = new Set<number>()
  #next = 0
  #stopped = false

  constructor(options: DeviceOptions) {
    this.#options = options
    onStop(() => {
      this.#stopped = true
    })
  }

  /** Resolves when everything is acknowledged to the end of its handshake. */
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
    client.send(
      ...[...this.#open].map(([messageId, value]) => this.#packet(messageId, value, true)),
      ...[...this.#released].map((messageId) => ({ cmd: 'pubrel' as const, messageId })),
    )
    const finished = new Promise<void>((resolve) => {
      client.onClosed = resolve
      client.onPacket = (packet) => {
        client.received.length = 0
        if (this.deaf) return
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

/** Starts a device; `finished` rejects with what went wrong in it. */
export function startDevice(options: DeviceOptions): { device: Device; finished: Promise<void> } {
  const device = new Device(options)
  const finished = device.run()
  finished.catch(() => undefined)
  return { device, finished }
}
