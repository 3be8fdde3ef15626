import { FilterIndex } from './filter-index.ts'
import { Occasion, type OccasionStats } from './occasions.ts'
import { bytesToKeep } from './session-queue.ts'
import type { Slices } from './slices.ts'

/** Memory of a retained message without its topic and payload (bytes). */
const MESSAGE_BYTES = 400
/** One client may have this part of the room for retained messages, so that others have some too. */
const CLIENT_SHARE = 1 / 2
/** Topics that are compared in one slice: well below a millisecond. */
const TOPICS_PER_SLICE = 200

export interface RetainedSettings {
  readonly retainedMax: number
  readonly retainedBytesMax: number
}

export interface RetainedStats {
  readonly count: number
  readonly bytes: number
  /** Messages that were delivered but not retained, because there was no room. */
  readonly refused: OccasionStats
}

export interface RetainedPacket {
  readonly cmd: 'publish'
  readonly topic: string
  readonly payload: Buffer
  readonly qos: number
  readonly retain: true
}

interface Room {
  count: number
  bytes: number
}

interface Retained {
  readonly packet: RetainedPacket
  readonly bytes: number
  /** The client that published it; undefined: the edge itself, whose messages always have room. */
  readonly client: string | undefined
}

/** The last retained message of each topic, in memory. */
export class RetainedMessages {
  readonly #settings: RetainedSettings
  readonly #slices: Slices
  readonly #messages = new Map<string, Retained>()
  readonly #rooms = new Map<string, Room>()
  readonly #all: Room = { count: 0, bytes: 0 }
  readonly #refused = new Occasion()

  constructor(settings: RetainedSettings, slices: Slices) {
    this.#settings = settings
    this.#slices = slices
  }

  stats(): RetainedStats {
    return { ...this.#all, refused: this.#refused.stats }
  }

  /**
   * Keeps a message, or removes that of its topic if the payload is empty. Without room nothing is retained for the
   * topic: the former message would be out of date.
   */
  store(packet: { topic: string; payload: Buffer | string; qos: number }, client: string | undefined): void {
    const { topic, qos } = packet
    this.#remove(topic)
    if (packet.payload.length === 0) return
    const bytes = MESSAGE_BYTES + topic.length + packet.payload.length
    if (client !== undefined && !this.#take(client, bytes)) {
      this.#refused.note(client)
      return
    }
    const payload = bytesToKeep(packet.payload)
    this.#messages.set(topic, { packet: { cmd: 'publish', topic, payload, qos, retain: true }, bytes, client })
  }

  /** The messages that match these filters, each once, with the lower of its QoS and the highest of its filters. */
  async *matching(filters: Iterable<{ readonly topic: string; readonly qos: number }>): AsyncGenerator<RetainedPacket> {
    const index = new FilterIndex<number>()
    let done = 0
    for (const { topic, qos } of filters) {
      if (++done % TOPICS_PER_SLICE === 0) await this.#slices.turn()
      index.set(topic, Math.max(qos, index.get(topic) ?? 0))
    }
    if (index.hasWildcards) await this.#slices.turn()
    const topics = index.hasWildcards ? this.#messages.keys() : index.exact()
    for (const topic of topics) {
      if (++done % TOPICS_PER_SLICE === 0) await this.#slices.turn()
      const packet = this.#messages.get(topic)?.packet
      if (packet === undefined) continue
      let granted = -1
      index.some(topic, (qos) => {
        if (qos > granted) granted = qos
        return granted >= packet.qos
      })
      if (granted >= 0) yield { ...packet, qos: Math.min(granted, packet.qos) }
    }
  }

  #take(client: string, bytes: number): boolean {
    const { retainedMax, retainedBytesMax } = this.#settings
    const own = this.#rooms.get(client) ?? { count: 0, bytes: 0 }
    if (this.#all.count >= retainedMax || this.#all.bytes + bytes > retainedBytesMax) return false
    if (own.count >= retainedMax * CLIENT_SHARE || own.bytes + bytes > retainedBytesMax * CLIENT_SHARE) return false
    this.#rooms.set(client, own)
    for (const room of [own, this.#all]) {
      room.count++
      room.bytes += bytes
    }
    return true
  }

  #remove(topic: string): void {
    const former = this.#messages.get(topic)
    if (former === undefined) return
    this.#messages.delete(topic)
    if (former.client === undefined) return
    const own = this.#rooms.get(former.client)!
    for (const room of [own, this.#all]) {
      room.count--
      room.bytes -= former.bytes
    }
    if (own.count === 0) this.#rooms.delete(former.client)
  }
}
