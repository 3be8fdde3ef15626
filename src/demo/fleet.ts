import { type Clock, pause } from '../base/clock.ts'
import type { Part } from '../base/lifecycle.ts'
import { backoffMs } from '../link/backoff.ts'
import type { Link } from '../link/link.ts'
import { openLink } from '../link/open.ts'
import type { Device, Message } from './plant.ts'
import { publishTwice } from './repeat.ts'

export interface FleetOptions {
  readonly host: string
  readonly port: number
  /** Messages per second of each device. */
  readonly rate: number
  readonly clock: Clock
}

/** What the devices know of their own: everything here was acknowledged to them. */
export interface FleetCounts {
  /** Readings, each once. */
  readonly readings: number
  /** Messages that nobody can decode. */
  readonly garbled: number
  /** Readings that were sent and acknowledged a second time. */
  readonly repeated: number
}

/** Messages of one device without an acknowledgement; with so many it waits. */
const OPEN_MAX = 100
/** A device that fell further behind leaves out what it should have measured meanwhile. */
const BEHIND_MS_MAX = 1_000
/** A device that gets no acknowledgement for so long after the end keeps the reading; it was never taken. */
const GOODBYE_MS_MAX = 5_000
/** MQTT 5 reason codes from here on are errors (MQTT 5 §2.4). */
const REASON_CODE_ERROR_MIN = 0x80
const BACKOFF = { minMs: 100, maxMs: 2_000 }

/** Devices that publish over MQTT, QoS 1, each by its own connection. */
export class Fleet implements Part {
  readonly name = 'devices'
  readonly #players: readonly Player[]

  private constructor(players: readonly Player[]) {
    this.#players = players
  }

  /** Resolves when every device is connected. @throws LinkError when one cannot connect. */
  static async start(devices: readonly Device[], options: FleetOptions): Promise<Fleet> {
    const players: Player[] = []
    try {
      for (const device of devices) players.push(await Player.start(device, options))
    } catch (failure) {
      await new Fleet(players).stop()
      throw failure
    }
    return new Fleet(players)
  }

  get counts(): FleetCounts {
    const sum = (of: keyof FleetCounts): number => this.#players.reduce((total, { counts }) => total + counts[of], 0)
    return { readings: sum('readings'), garbled: sum('garbled'), repeated: sum('repeated') }
  }

  /** Switches the devices off, when they have what they are still owed. */
  async stop(): Promise<void> {
    await Promise.all(this.#players.map((player) => player.stop()))
  }
}

/** One device at its work. It keeps a message until it is acknowledged, over as many connections as that takes. */
class Player {
  readonly counts = { readings: 0, garbled: 0, repeated: 0 }
  readonly #device: Device
  readonly #options: FleetOptions
  readonly #measuring = new AbortController()
  readonly #gone = new AbortController()
  readonly #open = new Set<Promise<void>>()
  readonly #done: Promise<void>
  /** The connection in use, or the one that is being made; undefined when the device has gone. */
  #link: Promise<Link | undefined>

  private constructor(device: Device, options: FleetOptions, link: Link) {
    this.#device = device
    this.#options = options
    this.#link = this.#use(link)
    this.#done = this.#measure()
  }

  static async start(device: Device, options: FleetOptions): Promise<Player> {
    return new Player(device, options, await connect(device.name, options))
  }

  async stop(): Promise<void> {
    this.#measuring.abort()
    const patience = setTimeout(() => this.#gone.abort(), GOODBYE_MS_MAX)
    this.#gone.signal.addEventListener('abort', () => void this.#link.then((link) => link?.destroy()))
    await this.#done
    await Promise.all(this.#open)
    clearTimeout(patience)
    this.#gone.abort()
    await (await this.#link)?.close()
  }

  async #measure(): Promise<void> {
    const { rate, clock } = this.#options
    const { signal } = this.#measuring
    const periodMs = 1_000 / rate
    const startedAt = clock.now()
    let lastTs = startedAt - 1
    let due = performance.now() + Math.random() * periodMs // all at once would be no plant
    for (let index = 0; !signal.aborted; index++) {
      const now = performance.now()
      due = Math.max(due, now - BEHIND_MS_MAX)
      if (due > now) await pause(due - now, signal)
      while (this.#open.size >= OPEN_MAX) await Promise.race(this.#open)
      if (signal.aborted) return
      const ts = Math.max(lastTs + 1, clock.now())
      lastTs = ts
      due += periodMs
      this.#publish(this.#device.messageAt({ ts, elapsedMs: ts - startedAt, index }))
    }
  }

  #publish(message: Message): void {
    const settled = (message.repeated ? this.#deliverTwice(message) : this.#deliver(message)).then((acknowledged) => {
      this.#open.delete(settled)
      if (!acknowledged) return
      this.counts.readings += message.readings
      if (message.readings === 0) this.counts.garbled++
      if (message.repeated) this.counts.repeated += message.readings
    })
    this.#open.add(settled)
  }

  /** False when the broker refused it for good, or the device had to go without an answer. */
  async #deliver({ topic, payload }: Message): Promise<boolean> {
    for (;;) {
      const link = await this.#link
      if (link === undefined) return false
      try {
        const { reasonCode } = await link.publish(topic, payload, { qos: 1 })
        return reasonCode < REASON_CODE_ERROR_MIN
      } catch {
        if (this.#gone.signal.aborted) return false
        // The connection is lost: the next one sends it again.
      }
    }
  }

  async #deliverTwice({ topic, payload }: Message): Promise<boolean> {
    const { host, port } = this.#options
    const clientId = `${this.#device.name}-modem`
    return publishTwice({ host, port, clientId, topic, payload }).then(
      () => true,
      () => false,
    )
  }

  #use(link: Link): Promise<Link> {
    void link.closed.then(() => {
      this.#link = this.#reopen()
    })
    return Promise.resolve(link)
  }

  async #reopen(): Promise<Link | undefined> {
    for (let attempt = 0; ; attempt++) {
      await pause(backoffMs(attempt, BACKOFF, Math.random), this.#gone.signal)
      if (this.#gone.signal.aborted) return undefined
      try {
        return await this.#use(await connect(this.#device.name, this.#options))
      } catch {
        // The edge is away; it is tried again after a longer pause.
      }
    }
  }
}

function connect(clientId: string, { host, port }: FleetOptions): Promise<Link> {
  return openLink({ url: `mqtt://${host}:${port}`, clientId, session: false, keepaliveS: 30, connectTimeoutMs: 5_000 })
}
