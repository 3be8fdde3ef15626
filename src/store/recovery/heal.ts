import { statfsSync } from 'node:fs'
import { join } from 'node:path'
import SQLite, { type Database } from 'better-sqlite3'
import { messageOf, OperatorError } from '../../base/errors.ts'
import { AUTO_VACUUM, DATABASE_FILE, isDamage, openDatabase } from '../database.ts'
import { APPLICATION_ID, MIGRATIONS, migrate } from '../migrations.ts'
import { type DamageReport, NO_LOSS, recordDamage } from './damages.ts'
import { examine } from './examine.ts'
import { asideName, beginReplacement, finishReplacement, replaceDatabase } from './replace-file.ts'
import { DatabaseReader } from './salvage/database-reader.ts'
import { isHeader, PageFile } from './salvage/page-file.ts'
import { READING, salvage } from './salvage/salvage.ts'
import { clearSuspicion } from './suspicion.ts'

/** Space left free on the disk while history is salvaged: for the rest of the database, and for new readings. */
const RESERVE_BYTES = 67_108_864
/** Offsets in the file's header (https://sqlite.org/fileformat.html#the_database_header). */
const USER_VERSION_OFFSET = 60
const APPLICATION_ID_OFFSET = 68

export interface OpenOptions {
  readonly maxBytes: number | undefined
  /** Names of the uplinks in the settings. */
  readonly uplinks: readonly string[]
  /** UTC ms, for file names and reports. */
  readonly now: number
}

/**
 * Opens the one writing connection of a folder, even if its database is damaged. A damaged database is set aside, the
 * data that can be read is copied into a new one, and the loss is recorded in the table `damages`. The caller holds the
 * lock.
 * @throws OperatorError as `openDatabase` does, but not for damage.
 */
export function openSound(folder: string, { maxBytes, uplinks, now }: OpenOptions): Database {
  finishReplacement(folder)
  const problem = examine(folder)
  if (problem !== undefined) heal(folder, problem, { uplinks, now })
  let database: Database
  try {
    database = openDatabase(folder, maxBytes)
  } catch (failure) {
    const cause = failure instanceof OperatorError ? failure.cause : failure
    if (!isDamage(cause)) throw failure
    heal(folder, messageOf(cause), { uplinks, now })
    database = openDatabase(folder, maxBytes)
  }
  clearSuspicion(folder)
  return database
}

function heal(
  folder: string,
  cause: string,
  { uplinks, now }: { readonly uplinks: readonly string[]; readonly now: number },
): void {
  const file = join(folder, DATABASE_FILE)
  refuseNewer(file)
  const aside = asideName(folder, 'corrupt', now)
  const reported = { cause, file: join(folder, `${DATABASE_FILE}.${aside}`) }
  const make = (fill: (database: Database) => DamageReport): void => {
    const database = create(beginReplacement(folder))
    try {
      recordDamage(database, fill(database), now)
    } finally {
      database.close()
    }
  }
  const salvageAll = (roomBytes: number): void =>
    make((database) => {
      const databaseReader = new DatabaseReader(file, database, READING)
      try {
        return {
          ...reported,
          nothingBecause: undefined,
          ...salvage(databaseReader, database, { uplinks, now, roomBytes }),
        }
      } finally {
        databaseReader.close()
      }
    })
  try {
    salvageAll(roomIn(folder))
  } catch {
    try {
      salvageAll(0) // saves the newest readings and the accounts if the disk is too full for history
    } catch (failure) {
      make(() => ({ ...NO_LOSS, ...reported, nothingBecause: messageOf(failure) }))
    }
  }
  replaceDatabase(folder, aside)
}

/**
 * Creates a new database that is on the disk only when it is complete: until then nothing is synced, and nothing can be
 * rolled back.
 */
function create(file: string): Database {
  const database = new SQLite(file)
  database.pragma(AUTO_VACUUM)
  database.pragma('journal_mode = OFF')
  database.pragma('synchronous = OFF')
  database.pragma('temp_store = MEMORY')
  database.pragma('foreign_keys = OFF')
  migrate(database)
  return database
}

function roomIn(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return Math.max(0, bavail * bsize - RESERVE_BYTES)
}

/**
 * Refuses a damaged database of a newer version, because this version does not know what to salvage. @throws
 * OperatorError
 */
function refuseNewer(file: string): void {
  const pages = new PageFile(file)
  const header = pages.page(1)
  pages.close()
  if (header === undefined || !isHeader(header) || header.readUInt32BE(APPLICATION_ID_OFFSET) !== APPLICATION_ID) return
  const version = header.readUInt32BE(USER_VERSION_OFFSET)
  if (version <= MIGRATIONS.length) return
  throw new OperatorError(
    `${file} is damaged and has schema version ${version}; this Tidegate supports versions up to ${MIGRATIONS.length}`,
    {
      remedy: 'run the newer Tidegate that wrote it, which salvages what can be read',
    },
  )
}
