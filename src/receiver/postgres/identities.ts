import type { Connection } from './connection.ts'

/** Ids held in memory; above it all are dropped and read again when they are needed. */
const CACHED_MAX = 100_000

/**
 * Rows of one table that are identified by texts and have an id, which never changes while the row exists. New rows
 * are committed at once, in a transaction of their own: whichever receiver comes first creates them, and all find the
 * same rows.
 */
export class Identities {
  readonly #table: string
  readonly #columns: readonly string[]
  readonly #ids = new Map<string, number>()

  /** @param table quoted */
  constructor(table: string, columns: readonly string[]) {
    this.#table = table
    this.#columns = columns
  }

  forget(): void {
    this.#ids.clear()
  }

  /** The names, by `keyOf` of each, that have no row yet. */
  async missing(
    names: readonly (readonly string[])[],
    connection: Connection,
  ): Promise<ReadonlyMap<string, readonly string[]>> {
    const unknown = new Map<string, readonly string[]>()
    for (const name of names) {
      const key = keyOf(name)
      if (!this.#ids.has(key)) unknown.set(key, name)
    }
    if (unknown.size === 0) return unknown
    for (const key of (await this.#find([...unknown.values()], connection)).keys()) unknown.delete(key)
    return unknown
  }

  /** The ids of these names, by `keyOf` of each. Missing rows are created. */
  async of(names: readonly (readonly string[])[], connection: Connection): Promise<ReadonlyMap<string, number>> {
    const found = new Map<string, number>()
    const unknown = new Map<string, readonly string[]>()
    for (const name of names) {
      const key = keyOf(name)
      const id = this.#ids.get(key)
      if (id === undefined) unknown.set(key, name)
      else found.set(key, id)
    }
    if (unknown.size === 0) return found
    const made = await connection.transaction(() => this.#findOrMake(unknown, connection))
    if (this.#ids.size + made.size > CACHED_MAX) this.#ids.clear()
    for (const [key, id] of made) {
      this.#ids.set(key, id)
      found.set(key, id)
    }
    return found
  }

  /** An INSERT that finds an existing row uses up an id: so it runs last, and only for missing rows. */
  async #findOrMake(
    unknown: ReadonlyMap<string, readonly string[]>,
    connection: Connection,
  ): Promise<ReadonlyMap<string, number>> {
    const found = await this.#find([...unknown.values()], connection)
    const missing = [...unknown].filter(([key]) => !found.has(key))
    if (missing.length === 0) return found
    // The same order for all receivers: two that create the same rows wait for each other, but never deadlock.
    const sorted = missing.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, name]) => name)
    const columns = this.#columns.join(', ')
    await connection.rows(
      `INSERT INTO ${this.#table} (${columns}) SELECT * FROM unnest(${this.#parameters}) ON CONFLICT DO NOTHING`,
      this.#columns.map((_, column) => sorted.map((name) => name[column])),
    )
    return new Map([...found, ...(await this.#find(sorted, connection))])
  }

  async #find(names: readonly (readonly string[])[], connection: Connection): Promise<Map<string, number>> {
    const columns = this.#columns.join(', ')
    const rows = await connection.rows<[number, ...string[]]>(
      `SELECT id, ${columns} FROM ${this.#table} WHERE (${columns}) IN (SELECT * FROM unnest(${this.#parameters}))`,
      this.#columns.map((_, column) => names.map((name) => name[column])),
    )
    return new Map(rows.map(([id, ...name]) => [keyOf(name), id]))
  }

  get #parameters(): string {
    return this.#columns.map((_, column) => `$${column + 1}::text[]`).join(', ')
  }
}

export function keyOf(name: readonly string[]): string {
  return JSON.stringify(name)
}
