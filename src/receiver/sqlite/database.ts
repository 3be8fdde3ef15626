import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import SQLite, { type Database } from 'better-sqlite3'
import { codeOf, Exit, messageOf, OperatorError } from '../../base/errors.ts'
import { APPLICATION_ID, MIGRATIONS, type Prepare } from './schema.ts'

export const DATABASE_FILE = 'received.db'
const LOCK_FILE = 'received.lock'

/**
 * A commit waits at most this long for another connection (milliseconds); then it fails, and the broker sends its
 * messages again.
 */
const BUSY_TIMEOUT_MS = 200
/** A command that runs next to a receiver waits at most this long for a commit (milliseconds). */
const ALONGSIDE_TIMEOUT_MS = 10_000
const CACHE_KIB = 65_536

/**
 * Opens `received.db` for its receiver, and creates it if needed; no other receiver can open it while the lock is
 * open.
 * @param pagesMax pages to which it may grow; undefined: no limit
 * @throws OperatorError as described at `SqliteSink.open`
 */
export function holdReceived(folder: string, pagesMax: number | undefined): { lock: Database; database: Database } {
  const file = join(folder, DATABASE_FILE)
  let lock: Database | undefined
  let database: Database | undefined
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    closeSync(openSync(file, 'a', 0o600)) // also in a program with another umask; SQLite gives the WAL the same mode
    lock = takeLock(folder)
    database = new SQLite(file, { timeout: BUSY_TIMEOUT_MS })
    configure(database, file, pagesMax)
    return { lock, database }
  } catch (cause) {
    database?.close()
    lock?.close()
    throw cause instanceof OperatorError ? cause : cannotOpen(file, cause)
  }
}

/**
 * Opens `received.db` for a command; its receiver may run or not.
 * @throws OperatorError if there is none, or it is not of this version
 */
export function openAlongside(folder: string, { write }: { write: boolean }): Database {
  const file = join(folder, DATABASE_FILE)
  if (!existsSync(file)) {
    throw new OperatorError(`there is no receiver database in ${folder}`, {
      remedy: 'specify the data folder of a receiver that has run at least once',
      exitCode: Exit.CANNOT_CREATE,
    })
  }
  let database: Database | undefined
  try {
    database = new SQLite(file, { timeout: ALONGSIDE_TIMEOUT_MS, readonly: !write, fileMustExist: true })
    refuseForeign(database, file)
    if (Number(database.pragma('user_version', { simple: true })) < MIGRATIONS.length) throw older(file)
    return database
  } catch (cause) {
    database?.close()
    throw cause instanceof OperatorError ? cause : cannotOpen(file, cause)
  }
}

function older(file: string): OperatorError {
  return new OperatorError(`${file} has an older schema version`, {
    remedy: 'start its receiver once with this version of Tidegate: that updates the database',
  })
}

/** Prepares statements whose rows are arrays. */
export function preparerOf(database: Database): Prepare {
  return (sql) => {
    const statement = database.prepare<unknown[], never>(sql)
    return statement.reader ? statement.raw() : statement
  }
}

/**
 * Keeps a second receiver off the folder, with an open transaction on a file of its own: the lock ends with the
 * process, however that ends, and readers of the database are not affected.
 */
function takeLock(folder: string): Database {
  const lock = new SQLite(join(folder, LOCK_FILE), { timeout: 0 })
  try {
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (cause) {
    lock.close()
    if (!codeOf(cause)?.startsWith('SQLITE_BUSY')) throw cause
    throw new OperatorError(`another receiver is already running on the data folder ${folder}`, {
      remedy: 'stop it first, or set another folder for this receiver with `data`',
      exitCode: Exit.UNAVAILABLE,
      cause,
    })
  }
}

/** WAL, every commit synced to the disk before it returns, newest schema. */
function configure(database: Database, file: string, pagesMax: number | undefined): void {
  refuseForeign(database, file)
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.pragma('wal_autocheckpoint = 0')
  database.pragma('temp_store = MEMORY')
  database.pragma('foreign_keys = OFF')
  database.pragma(`cache_size = -${CACHE_KIB}`)
  if (pagesMax !== undefined) database.pragma(`max_page_count = ${pagesMax}`)
  migrate(database)
  database.exec(`INSERT INTO meta (key, value) VALUES ('opened', 1) ON CONFLICT DO UPDATE SET value = value + 1`)
  // Read back after a write: a re-opened WAL database can fall to NORMAL, which syncs no commit at all.
  if (database.pragma('synchronous', { simple: true }) !== 2) {
    throw new OperatorError(`${file} does not keep synchronous=FULL: commits would not survive a power loss`, {
      remedy: 'report this with the versions of better-sqlite3 and of Node.js',
    })
  }
}

/** Before anything is written: refuses a database of another program or of a newer version. */
function refuseForeign(database: Database, file: string): void {
  const version = Number(database.pragma('user_version', { simple: true }))
  const tables = Number(database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get())
  if (tables > 0 && database.pragma('application_id', { simple: true }) !== APPLICATION_ID) {
    throw new OperatorError(`${file} belongs to another program`, {
      remedy: 'set another folder with `data`',
      exitCode: Exit.CANNOT_CREATE,
    })
  }
  if (version > MIGRATIONS.length) {
    const known = MIGRATIONS.length
    throw new OperatorError(`${file} has schema version ${version}; this Tidegate knows versions up to ${known}`, {
      remedy: 'run the newer Tidegate that created it, or restore a backup from before the update',
    })
  }
}

function migrate(database: Database): void {
  const from = Number(database.pragma('user_version', { simple: true }))
  const step = database.transaction((version: number) => {
    database.exec(MIGRATIONS[version - 1]!)
    database.pragma(`application_id = ${APPLICATION_ID}`)
    database.pragma(`user_version = ${version}`)
  })
  for (let version = from + 1; version <= MIGRATIONS.length; version++) step.immediate(version)
}

function cannotOpen(file: string, cause: unknown): OperatorError {
  const damaged = ['SQLITE_NOTADB', 'SQLITE_CORRUPT'].includes(codeOf(cause) ?? '')
  return new OperatorError(`cannot open the database ${file}: ${messageOf(cause)}`, {
    remedy: damaged
      ? 'the file is damaged or not a database: move it elsewhere, keep it, and start again with an empty one'
      : 'check the free space and the permissions of the data folder',
    exitCode: Exit.CANNOT_CREATE,
    cause,
  })
}
