import type { Database, Statement } from 'better-sqlite3'
import { nameRun } from '../../codec/run-name.ts'
import { newName } from '../database.ts'

/** Key in `meta`: the last run of which a receiver confirmed something. */
const KEY = 'confirmed_run'

/** The name of this opening of the store (a run), and of the last one that a receiver knows. */
export class RunRecord {
  readonly name: string
  readonly #save: Statement<[string, string]>

  constructor(database: Database) {
    const former = database.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(KEY) as string | undefined
    this.name = nameRun(newName(), former)
    this.#save = database.prepare(
      'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value WHERE value <> excluded.value',
    )
  }

  /** Inside a transaction: a receiver has confirmed something of this run. Writes only the first time. */
  confirmed(): void {
    this.#save.run(KEY, this.name)
  }
}
