import type { Database, Statement } from 'better-sqlite3'

/** Keys in `meta`, with the name of an uplink: when it was paused, UTC ms. */
const PREFIX = 'paused:'

/**
 * Uplinks that send nothing, because their receiver has said that another edge uses the name of this one. Only an operator,
 * or another name, ends a pause. The methods that change something run in a transaction of their owner.
 */
export class NamePauses {
  readonly #read: Statement<[string]>
  readonly #begin: Statement<[string, number]>
  readonly #end: Statement<[string]>

  constructor(database: Database) {
    this.#read = database.prepare('SELECT value FROM meta WHERE key = ?').pluck()
    this.#begin = database.prepare('INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)')
    this.#end = database.prepare('DELETE FROM meta WHERE key = ?')
  }

  /** Since when an uplink is paused (UTC ms); undefined: it is not. */
  since(uplink: string): number | undefined {
    return this.#read.get(`${PREFIX}${uplink}`) as number | undefined
  }

  begin(uplink: string, now: number): void {
    this.#begin.run(`${PREFIX}${uplink}`, now)
  }

  /** @returns whether it was paused */
  end(uplink: string): boolean {
    return this.#end.run(`${PREFIX}${uplink}`).changes > 0
  }
}

/** Inside a transaction: the edge has another name, so that no pause applies any more. */
export function endPauses(database: Database): void {
  database.prepare('DELETE FROM meta WHERE substr(key, 1, ?) = ?').run(PREFIX.length, PREFIX)
}
