import type { IncomingId, Intake, IntakePublish, Settle } from '../broker/intake.ts'
import type { ConfigIngest } from '../ingest/config-ingest.ts'
import type { Ingest } from '../ingest/ingest.ts'

/**
 * Routes publishes from the broker: readings and messages go to ingest, configs to config sync. Each is acknowledged
 * when it is committed. The QoS 2 packet identifier of a config is kept in memory only: an edit that arrives twice has
 * the same edit id.
 */
export class EdgeIntake implements Intake {
  readonly #ingest: Ingest
  readonly #configs: ConfigIngest | undefined

  constructor(ingest: Ingest, configs: ConfigIngest | undefined) {
    this.#ingest = ingest
    this.#configs = configs
  }

  keeps(topic: string): boolean {
    return this.#configs?.keeps(topic) === true || this.#ingest.keeps(topic)
  }

  delivers(topic: string): 'all' | 'fresh' | 'none' {
    return this.#configs?.keeps(topic) === true ? this.#configs.delivers(topic) : 'all'
  }

  offer(publish: IntakePublish, settle: Settle, incoming?: IncomingId): void {
    if (this.#configs?.keeps(publish.topic) === true) this.#configs.offer(publish, settle)
    else this.#ingest.offer(publish, settle, incoming)
  }

  release(id: IncomingId, settle: Settle): void {
    this.#ingest.release(id, settle)
  }

  forget(client: string): void {
    this.#ingest.forget(client)
  }

  get pendingBytes(): number {
    return this.#ingest.pendingBytes + (this.#configs?.pendingBytes ?? 0)
  }
}
