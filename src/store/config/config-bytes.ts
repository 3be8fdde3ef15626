import type { Database, Statement } from 'better-sqlite3'

/** About what a row takes on the disk in addition to its text (bytes). */
const ROW_BYTES = 64
/** Configs never take a larger share of `store.maxBytes` than this: readings need the rest. */
const STORE_PART = 1 / 4
/** The tables of configs, and the column with the text of a row. */
const TEXTS = { config_devices: 'state', config_revisions: 'revision', config_changes: 'change' } as const

/**
 * The bytes that configs take. Triggers of this connection keep the sum in a temporary table, so that it is right after a
 * rolled back transaction, too.
 */
export class ConfigBytes {
  readonly #sum: Statement<[]>
  readonly #bytesMax: number

  constructor(database: Database, maxBytes: number | undefined) {
    this.#bytesMax = Math.floor((maxBytes ?? Infinity) * STORE_PART)
    const add = (sign: '+' | '-', text: string): string =>
      `UPDATE config_bytes SET bytes = bytes ${sign} octet_length(${text}) ${sign} ${ROW_BYTES};`
    const sums = Object.entries(TEXTS).map(
      ([table, text]) => `(SELECT coalesce(sum(octet_length(${text}) + ${ROW_BYTES}), 0) FROM ${table})`,
    )
    const triggers = Object.entries(TEXTS).map(
      ([table, text]) => `
        CREATE TEMP TRIGGER ${table}_inserted AFTER INSERT ON main.${table} BEGIN ${add('+', `NEW.${text}`)} END;
        CREATE TEMP TRIGGER ${table}_updated AFTER UPDATE ON main.${table}
          BEGIN ${add('-', `OLD.${text}`)} ${add('+', `NEW.${text}`)} END;
        CREATE TEMP TRIGGER ${table}_deleted AFTER DELETE ON main.${table} BEGIN ${add('-', `OLD.${text}`)} END;`,
    )
    database.exec(`CREATE TEMP TABLE config_bytes (bytes INTEGER NOT NULL) STRICT;
      INSERT INTO config_bytes SELECT ${sums.join(' + ')}; ${triggers.join('')}`)
    this.#sum = database.prepare<[]>('SELECT bytes FROM config_bytes').pluck()
  }

  get bytes(): number {
    return this.#sum.get() as number
  }

  /** The bound, if a setting gives this one. */
  max(bytesMax: number): number {
    return Math.min(bytesMax, this.#bytesMax)
  }
}
