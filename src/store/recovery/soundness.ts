import type { Database } from 'better-sqlite3'
import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { isDamage } from '../database.ts'
import type { BlockHead, DamagedBlock } from '../sealed/blocks.ts'
import { type Damage, NO_LOSS, openDamages, readDamages, recordDamage } from './damages.ts'
import { suspect } from './suspicion.ts'

/** The database turned out to be damaged while it was in use. */
export class DamagedStore extends Error {
  override readonly name = 'DamagedStore'
  readonly code = 'STORE_CORRUPT'
}

/**
 * Whether the database is sound, as far as its use has shown. After a part of it could not be read, nothing more is
 * written, because writes of SQLite to damaged pages can damage others. Publishes are refused, so that devices keep
 * them; the next opening checks the whole file, and salvages it if the damage is still there.
 */
export class Soundness {
  readonly #database: Database
  readonly #folder: string
  readonly #clock: Clock
  #damage: string | undefined

  constructor(database: Database, folder: string, clock: Clock) {
    this.#clock = clock
    this.#database = database
    this.#folder = folder
  }

  /** Damages that no operator has acknowledged, the oldest first. */
  get unacknowledged(): Damage[] {
    return openDamages(this.#folder, readDamages(this.#database))
  }

  /** The message of SQLite about the damage; undefined: there is none. */
  get damage(): string | undefined {
    return this.#damage
  }

  /** Records a failure if its cause is damage. */
  note(failure: unknown): void {
    if (this.#damage !== undefined || !isDamage(failure)) return
    this.#damage = messageOf(failure)
    suspect(this.#folder, this.#damage)
  }

  /** Inside a transaction: records that a block was given up; its readings are lost. */
  recordBlock({ message }: DamagedBlock, head: BlockHead | undefined): void {
    const blocks = { damaged: 1, noRoom: 0 }
    const report = { ...NO_LOSS, cause: message, file: undefined, lost: head?.readings ?? 0, blocks }
    recordDamage(this.#database, report, this.#clock.now())
  }

  /** @throws DamagedStore */
  refuseIfDamaged(): void {
    if (this.#damage === undefined) return
    throw new DamagedStore(`the database is damaged (${this.#damage}); restart the edge to salvage it`)
  }
}
