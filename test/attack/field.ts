import type { Packet } from 'mqtt-packet'
import { pause } from '../../src/base/clock.ts'
import type { RunningProcess } from '../../support/process.ts'
import { RawClient } from '../../support/raw-client.ts'

const RETRY_MS = 20
/** An attacker that waits for answers polls this often (ms). */
const POLL_MS = 10
/** Bytes that an attacker has ready for a victim that does not read. */
const UNSENT_BYTES_MAX = 1_000_000
const PER_TURN = 20
/** Clients of an attacker that act at the same time. */
const CROWD = 10

/** What each attack gets: a port to connect to, the end of its time, and a place for what it finds. */
export class Field {
  /** Port of the broker that the attacker connects to: the edge, or the cloud broker. */
  readonly port: number
  /** Damage that the columns of the table do not show. */
  readonly harms: string[] = []
  /** Values of the honest device that the attacker, as a receiver, was sent. */
  readonly delivered = new Set<number>()
  /** How much was sent, for people. */
  remark = ''
  readonly #half: number
  readonly #end: number
  readonly #victim: RunningProcess
  readonly #clients: RawClient[] = []

  constructor({ port, seconds, victim }: { port: number; seconds: number; victim: RunningProcess }) {
    this.port = port
    this.#victim = victim
    this.#half = performance.now() + seconds * 500
    this.#end = performance.now() + seconds * 1_000
  }

  /** True when the time is up, or the victim has ended. */
  get isOver(): boolean {
    return performance.now() >= this.#end || this.#victim.ended
  }

  /** True in the second half of the attack. */
  get isHalfOver(): boolean {
    return performance.now() >= this.#half || this.isOver
  }

  /** Waits until the condition holds. @returns false when the attack is over first. */
  async until(condition: () => boolean): Promise<boolean> {
    while (!condition()) {
      if (this.isOver) return false
      await pause(POLL_MS)
    }
    return true
  }

  /** Whether this time has passed (ms) before the attack is over. */
  after(ms: number): Promise<boolean> {
    const since = performance.now()
    return this.until(() => performance.now() - since >= ms)
  }

  /** Connects until it succeeds; undefined when the attack is over first. */
  async connect(id: string, options: Record<string, unknown> = {}): Promise<RawClient | undefined> {
    while (!this.isOver) {
      const client = await this.attempt(id, options)
      if (client !== undefined) return client
      await pause(RETRY_MS)
    }
    return undefined
  }

  /** Connects once; undefined when it is refused. */
  async attempt(id: string, options: Record<string, unknown> = {}): Promise<RawClient | undefined> {
    try {
      const client = await RawClient.connect(this.port, id, options)
      this.#clients.push(client)
      return client
    } catch {
      return undefined
    }
  }

  /** The same for an attacker that cannot continue without. @throws Over when the attack is over. */
  async client(id: string, options: Record<string, unknown> = {}): Promise<RawClient> {
    const client = await this.connect(id, options)
    if (client === undefined) throw new Over()
    return client
  }

  /** Sends packets as fast as the victim reads them, and connects again when it closes the connection. */
  async flood(id: string, packetOf: (n: number) => Packet, countMax = Number.POSITIVE_INFINITY): Promise<void> {
    let sent = 0
    let connections = 0
    while (!this.isOver && sent < countMax) {
      const client = await this.client(id)
      client.onPacket = () => {
        client.received.length = 0
      }
      connections++
      while (!this.isOver && !client.closed && sent < countMax) {
        for (let count = 0; count < PER_TURN && sent < countMax; count++) client.send(packetOf(sent++))
        await pause(0)
        await this.until(() => client.closed || client.unsentBytes < UNSENT_BYTES_MAX)
      }
    }
    this.remark = `${sent} packets, ${connections} connections`
  }

  /**
   * Takes turns, several at a time, until the attack is over.
   * @param mayContinue asked before each turn
   * @returns the number of turns
   */
  async crowd(turn: (n: number) => Promise<void>, mayContinue = (_turns: number): boolean => true): Promise<number> {
    let turns = 0
    const one = async (): Promise<void> => {
      while (!this.isOver && mayContinue(turns)) await turn(turns++)
    }
    await Promise.all(Array.from({ length: CROWD }, one))
    return turns
  }

  /** Closes all connections of the attacker. */
  leave(): void {
    for (const client of this.#clients) client.destroy()
  }
}

/** The time of an attack is up. */
export class Over extends Error {}

/** QoS 1 identifiers in turn. */
export const idOf = (n: number): number => (n % 65_535) + 1

export const topicOf = (levels: number, first: string): string => [first, ...Array(levels - 1).fill('x')].join('/')

export const filters = (count: number, filterOf: (n: number) => string): { topic: string; qos: 0 | 1 }[] =>
  Array.from({ length: count }, (_, n) => ({ topic: filterOf(n), qos: 1 }))
