import { connectAsync } from 'mqtt'
import { pause } from '../../src/base/clock.ts'
import { until } from '../../support/wait.ts'
import { HANG_MS } from './patience.ts'
import type { BenchReceiver } from './receiver.ts'

export const LIVE_DEVICE = 'live'
/** A live reading is published at this interval (ms). */
const EVERY_MS = 100

/** Publishes ten readings per second, and finds each of them in the receiver's database. */
export class LiveDevice {
  /** From the publish of a reading until it can be read in the receiver's database (ms), for those found so far. */
  readonly latenciesMs: number[] = []
  readonly #receiver: BenchReceiver
  readonly #client: Awaited<ReturnType<typeof connectAsync>>
  readonly #timer: NodeJS.Timeout
  /** Monotonic time of each publish that has not been found yet, by the timestamp of the reading. */
  readonly #publishedAt = new Map<number, number>()
  #lastTs = 0
  #count = 0

  private constructor(client: Awaited<ReturnType<typeof connectAsync>>, receiver: BenchReceiver) {
    this.#client = client
    this.#receiver = receiver
    this.#timer = setInterval(() => this.#publish(), EVERY_MS)
  }

  static async start(port: number, receiver: BenchReceiver): Promise<LiveDevice> {
    const client = await connectAsync({ host: '127.0.0.1', port, reconnectPeriod: 0, clientId: LIVE_DEVICE })
    return new LiveDevice(client, receiver)
  }

  #publish(): void {
    this.#lastTs = Math.max(Date.now(), this.#lastTs + 1) // each reading has its own timestamp
    this.#publishedAt.set(this.#lastTs, performance.now())
    const payload = `{"value":${++this.#count},"ts":${this.#lastTs}}`
    this.#client.publish(`telemetry/${LIVE_DEVICE}/pressure`, payload, { qos: 1 })
  }

  /** Notes which readings have arrived. */
  poll(): void {
    const now = performance.now()
    const [earliest] = this.#publishedAt.keys()
    if (earliest === undefined) return
    const sql = 'SELECT ts FROM reading WHERE series IN (SELECT id FROM series WHERE device = ?) AND ts >= ?'
    const found = this.#receiver.database.prepare(sql).pluck().all(LIVE_DEVICE, earliest) as number[]
    for (const ts of found) {
      const at = this.#publishedAt.get(ts)
      if (at !== undefined) this.latenciesMs.push(now - at)
      this.#publishedAt.delete(ts)
    }
  }

  /** Publishes no more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#client.endAsync()
  }

  /** Waits until every published reading has arrived. @throws Error when one is lost. */
  async allArrived(): Promise<void> {
    const isDone = async (): Promise<boolean> => {
      this.poll()
      if (this.#publishedAt.size > 0) await pause(EVERY_MS)
      return this.#publishedAt.size === 0
    }
    await until(isDone, { deadlineMs: HANG_MS, what: 'all live readings are in the database of the receiver' })
  }
}
