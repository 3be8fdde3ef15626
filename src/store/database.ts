import { randomBytes } from 'node:crypto'
import { accessSync, constants, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import SQLite, { type Database } from 'better-sqlite3'
import { codeOf, Exit, messageOf, OperatorError } from '../base/errors.ts'
import { APPLICATION_ID, MIGRATIONS, migrate } from './migrations.ts'

export const DATABASE_FILE = 'tidegate.db'

/** A commit never waits longer than this for another connection: all other connections are short-lived readers. */
const BUSY_TIMEOUT_MS = 200
const PAGE_BYTES = 4_096
/**
 * Takes effect only in a new file, before its first page is written. The file of an older version keeps its free pages.
 */
export const AUTO_VACUUM = 'auto_vacuum = INCREMENTAL'
/** The WAL file is truncated to this size when it restarts. */
const WAL_BYTES_KEPT = 67_108_864

/** Creates the data folder if it does not exist. @throws OperatorError when it cannot be written. */
export function prepareFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true })
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new OperatorError(`cannot write to the data folder ${folder}: ${messageOf(cause)}`, {
      remedy: 'give this user write access to it, or name another folder with the setting `data`',
      exitCode: Exit.CANNOT_CREATE,
      cause,
    })
  }
}

/**
 * Opens the one writing connection: WAL mode, every commit synced to the disk before it returns, newest schema.
 *
 * `synchronous` must be set at each open and read back after a write: better-sqlite3 is compiled so that a reopened WAL
 * database silently falls back to NORMAL, which syncs no commit.
 * @throws OperatorError for a database of a newer version, of another program, or one that cannot be made durable.
 */
export function openDatabase(folder: string, bytesMax?: number): Database {
  const file = join(folder, DATABASE_FILE)
  try {
    const database = new SQLite(file, { timeout: BUSY_TIMEOUT_MS })
    try {
      configure(database, file, bytesMax)
      return database
    } catch (failure) {
      database.close()
      throw failure
    }
  } catch (cause) {
    throw cause instanceof OperatorError ? cause : cannotOpen(file, cause)
  }
}

/** Whether the file itself is damaged: it is not a database (any more), or parts of it cannot be read. */
export function isDamage(failure: unknown): boolean {
  return /^SQLITE_(CORRUPT|NOTADB|IOERR_(READ|SHORT_READ|CORRUPTFS))/.test(codeOf(failure) ?? '')
}

function cannotOpen(file: string, cause: unknown): OperatorError {
  return new OperatorError(`cannot open the database ${file}: ${messageOf(cause)}`, {
    remedy: isDamage(cause)
      ? 'the file is damaged or not a database: start the edge, which sets it aside and salvages what can be read'
      : 'check the free space and the permissions of the data folder',
    exitCode: Exit.CANNOT_CREATE,
    cause,
  })
}

function configure(database: Database, file: string, bytesMax: number | undefined): void {
  refuseForeign(database, file)
  database.pragma(AUTO_VACUUM)
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.pragma('wal_autocheckpoint = 0')
  database.pragma('temp_store = MEMORY')
  database.pragma('foreign_keys = OFF')
  database.pragma(`journal_size_limit = ${WAL_BYTES_KEPT}`)
  if (bytesMax !== undefined) database.pragma(`max_page_count = ${Math.floor(bytesMax / PAGE_BYTES)}`)
  migrate(database)
  database
    .prepare(`INSERT INTO meta (key, value) VALUES ('opened', 1) ON CONFLICT DO UPDATE SET value = value + 1`)
    .run()
  if (database.pragma('synchronous', { simple: true }) !== 2) {
    throw new OperatorError(`${file} does not keep synchronous=FULL: commits would not survive a power loss`, {
      remedy:
        'report this with the versions of better-sqlite3 and of Node.js; Tidegate does not run without durable commits',
    })
  }
}

/** Checks, before anything is written, that the database is Tidegate's and not of a newer version. */
function refuseForeign(database: Database, file: string): void {
  const version = database.pragma('user_version', { simple: true }) as number
  const application = database.pragma('application_id', { simple: true }) as number
  const tables = database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() as number
  if (tables > 0 && application !== APPLICATION_ID) {
    throw new OperatorError(`${file} is a database of another program`, {
      remedy: 'name another folder with the setting `data`',
      exitCode: Exit.CANNOT_CREATE,
    })
  }
  if (version > MIGRATIONS.length) {
    throw new OperatorError(
      `${file} has schema version ${version}; this Tidegate supports versions up to ${MIGRATIONS.length}`,
      { remedy: 'run the newer Tidegate that wrote it, or restore a backup from before the update' },
    )
  }
}

/**
 * Opens a second, read-only connection; the edge may be running.
 * @throws OperatorError when there is no database, or it is of a newer version, of another program or damaged.
 */
export function openReadOnly(folder: string, { older = 'refuse' }: { older?: 'refuse' | 'take' } = {}): Database {
  const file = join(folder, DATABASE_FILE)
  if (!existsSync(file)) {
    throw new OperatorError(`there is no database ${file}`, {
      remedy: 'start the edge once, or name its folder with --data or its settings file with -s',
      exitCode: Exit.UNAVAILABLE,
    })
  }
  try {
    const database = new SQLite(file, { timeout: BUSY_TIMEOUT_MS, readonly: true })
    try {
      refuseForeign(database, file)
      if (older === 'refuse') refuseOlder(database, file)
      return database
    } catch (failure) {
      database.close()
      throw failure
    }
  } catch (cause) {
    throw cause instanceof OperatorError ? cause : cannotOpen(file, cause)
  }
}

/** A read-only connection cannot bring a database up to date. */
function refuseOlder(database: Database, file: string): void {
  const version = database.pragma('user_version', { simple: true }) as number
  if (version === MIGRATIONS.length) return
  throw new OperatorError(`${file} has schema version ${version}; this Tidegate reads version ${MIGRATIONS.length}`, {
    remedy: 'start the edge once with this Tidegate: it brings the database up to date',
    exitCode: Exit.UNAVAILABLE,
  })
}

/** A new random name for an epoch or a run: 12 characters of base64url, 72 random bits. */
export function newName(): string {
  return randomBytes(9).toString('base64url')
}
