import type { IncomingId, Intake, IntakePublish, Settle } from '../src/broker/intake.ts'

/** An intake without a disk: nothing is settled until the test says so. */
export class ManualIntake implements Intake {
  readonly offered: (IntakePublish & { readonly incoming: IncomingId | undefined })[] = []
  readonly released: IncomingId[] = []
  readonly forgotten: string[] = []
  readonly #waiting: { settle: Settle; bytes: number }[] = []
  pendingBytes = 0

  keeps(topic: string): boolean {
    return topic.startsWith('telemetry/')
  }

  delivers(): 'all' {
    return 'all'
  }

  offer(publish: IntakePublish, settle: Settle, incoming?: IncomingId): void {
    this.offered.push({ ...publish, payload: Buffer.from(publish.payload), incoming })
    this.#waiting.push({ settle, bytes: publish.payload.length })
    this.pendingBytes += publish.payload.length
  }

  release(id: IncomingId, settle: Settle): void {
    this.released.push(id)
    settle(undefined)
  }

  forget(client: string): void {
    this.forgotten.push(client)
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Settles everything offered so far: as stored, or as failed. */
  settle(failure?: Error): void {
    for (const { settle, bytes } of this.#waiting.splice(0)) {
      this.pendingBytes -= bytes
      settle(failure)
    }
  }
}
