import type { Database, Statement } from 'better-sqlite3'
import { z } from 'zod'

const parkedIds = z.strictObject({ uplink: z.string(), ids: z.array(z.number().int().positive()).max(10_000) })

/** What people tell an edge from beside it; see `placeOrder`. */
export const order = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('replay-parked'), ...parkedIds.shape }),
  z.strictObject({ kind: z.literal('drop-parked'), ...parkedIds.shape }),
])
export type Order = z.output<typeof order>

interface Row {
  readonly id: number
  readonly body: string
}

/**
 * The letter box of the edge: commands leave orders in the database, which is the one place that outlives a restart, and
 * the store thread carries them out, at once or when the edge is started. `take` runs in its owner's transaction.
 */
export class Orders {
  readonly #database: Database
  readonly #all: Statement<[]>
  readonly #remove: Statement<[number]>
  #version: unknown

  constructor(database: Database) {
    this.#database = database
    this.#all = database.prepare('SELECT id, body FROM orders ORDER BY id')
    this.#remove = database.prepare('DELETE FROM orders WHERE id = ?')
  }

  /** Whether another process has written something since this was last asked. Costs no look at a table. */
  get mayHaveCome(): boolean {
    const version = this.#database.pragma('data_version', { simple: true })
    const changed = version !== this.#version
    this.#version = version
    return changed
  }

  /** The orders that wait, each only once. */
  take(): Order[] {
    const rows = this.#all.all() as Row[]
    for (const { id } of rows) this.#remove.run(id)
    return rows.flatMap(({ body }) => {
      const read = order.safeParse(JSON.parse(body))
      return read.success ? [read.data] : []
    })
  }
}
