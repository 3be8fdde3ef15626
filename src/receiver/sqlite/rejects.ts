import type { Reject } from '../sink.ts'
import type { Prepare } from './schema.ts'

export interface RejectLimits {
  /** Rejects kept. Beyond it the oldest are dropped of the edge that has most of them. */
  readonly rejectsMax: number
  /** Bytes kept of the payload of a reject; the rest is cut, and its full length is recorded. */
  readonly rejectPayloadBytesMax: number
}

/** Messages that could not be stored, in `received.db`. */
export class SqliteRejects {
  readonly #limits: RejectLimits
  readonly #statements

  constructor(prepare: Prepare, limits: RejectLimits) {
    this.#limits = limits
    this.#statements = {
      keep: prepare(
        'INSERT INTO rejects (received_at, edge, topic, reason, payload, payload_bytes) VALUES (?, ?, ?, ?, ?, ?)',
      ),
      // Every edge keeps its newest ones, as many as any other edge that has more.
      drop: prepare(
        `DELETE FROM rejects WHERE (SELECT count(*) FROM rejects) > ? AND id IN (
           SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY edge ORDER BY id DESC) AS place FROM rejects)
           ORDER BY place, id DESC LIMIT -1 OFFSET ?)`,
      ),
    }
  }

  keep({ edge = '', topic, reason, payload, payloadBytes = payload.byteLength }: Reject, receivedAt: number): void {
    const kept = payload.subarray(0, this.#limits.rejectPayloadBytesMax)
    this.#statements.keep.run(receivedAt, edge, topic, reason, kept, payloadBytes)
  }

  dropOldest(): void {
    this.#statements.drop.run(this.#limits.rejectsMax, this.#limits.rejectsMax)
  }
}
