import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { onStop } from '../../support/started.ts'

/** `device`: sends readings to an edge (QoS 1). `edge`: sends batches to a receiver, over a cloud broker. */
export type HonestKind = 'device' | 'edge'

/** Time between two messages (ms): ten per second. */
export const EVERY_MS = 100
/** Name of the honest device or edge, and of the device in the readings of that edge. */
export const HONEST = 'honest'
/** First level of the topics on the cloud broker. */
export const PREFIX = 'tidegate'

/** To the thread. */
export type Order = 'begin' | 'finish'

/** Message n has the value n. */
export interface HonestReport {
  /** From the first publish to the acknowledgement, also of what is not acknowledged yet. */
  readonly latenciesMs: readonly number[]
  readonly acknowledged: readonly number[]
  readonly unanswered: readonly number[]
  readonly connections: number
}

/** A client that does nothing wrong, while another one attacks. */
export class HonestClient {
  readonly #worker: Worker

  constructor(port: number, kind: HonestKind) {
    this.#worker = new Worker(new URL('./honest-thread.ts', import.meta.url), {
      workerData: { port, kind, name: HONEST },
    })
    onStop(async () => void (await this.#worker.terminate()))
  }

  /** Latencies count from now on. */
  begin(): void {
    this.#order('begin')
  }

  /** Ends it. */
  async finish(): Promise<HonestReport> {
    this.#order('finish')
    const [report] = (await once(this.#worker, 'message')) as [HonestReport]
    return report
  }

  #order(order: Order): void {
    this.#worker.postMessage(order)
  }
}
