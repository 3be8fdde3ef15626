import type { Database, Statement } from 'better-sqlite3'

/** Bytes on the wire of an uplink, in both directions, in the named UTC day and month. */
export interface Spent {
  readonly day: string
  readonly dayBytes: number
  readonly month: string
  readonly monthBytes: number
}

/** Bytes that uplinks have used of their budgets, kept across restarts. `write` runs in its owner's transaction. */
export class LinkUsage {
  readonly #read: Statement<[string]>
  readonly #write: Statement<[string, number, string, number, string]>

  constructor(database: Database) {
    this.#read = database.prepare(
      `SELECT day, day_bytes AS dayBytes, month, month_bytes AS monthBytes FROM spending
       JOIN uplinks ON uplinks.id = spending.uplink WHERE name = ?`,
    )
    this.#write = database.prepare(
      `INSERT OR REPLACE INTO spending (uplink, day, day_bytes, month, month_bytes)
       SELECT id, ?, ?, ?, ? FROM uplinks WHERE name = ?`,
    )
  }

  of(uplink: string): Spent | undefined {
    return this.#read.get(uplink) as Spent | undefined
  }

  write(uplink: string, { day, dayBytes, month, monthBytes }: Spent): void {
    this.#write.run(day, dayBytes, month, monthBytes, uplink)
  }
}
