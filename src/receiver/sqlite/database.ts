import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import SQLite, { type Database } from 'better-sqlite3'
import { codeOf, Exit, messageOf, OperatorError } from '../../base/errors.ts'
import { APPLICATION_ID, MIGRATIONS, type Prepare } from './schema.ts'

export const DATABASE_FILE = 'received.db'
const LOCK_FILE = 'received.lock'

/** A commit waits at most so long for another connection; then it fails, and the broker sends its messages again. */
const BUSY_TIMEOUT_MS = 200
/** Alongside a running receiver a command waits so long for a commit. */
const ALONGSIDE_TIMEOUT_MS = 10_000
const CACHE_KIB = 65_536

/**
 * Opens `received.db` as its receiver, and makes it if need be; nobody else can while the lock is open.
 * @param pagesMax pages to which it may grow; undefined: no bound
 * @throws OperatorError as `SqliteSink.open` says
 */
export function holdReceived(folder: string, pagesMax: number | undefined): { lock: Database; database: Database } {
  const file = join(folder, DATABASE_FILE)
  let lock: Database | undefined
  let database: Database | undefined
  try {
    mkdirSync(folder, { recursive: true })
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
 * Opens `received.db` beside its receiver, which may run or not.
 * @throws OperatorError when there is none, or when it is not of this version
 */
export function openAlongside(folder: string, { write }: { write: boolean }): Database {
  const file = join(folder, DATABASE_FILE)
  if (!existsSync(file)) {
    throw new OperatorError(`there is no database of a receiver in ${folder}`, {
      remedy: 'name the data folder of a receiver that has run once',
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
  return new OperatorError(`${file} is of an older version`, {
    remedy: 'start its receiver with this version once: it brings the database up to date',
  })
}

/** Prepares statements whose rows come as arrays. */
export function preparerOf(database: Database): Prepare {
  return (sql) => {
    const statement = database.prepare<unknown[], never>(sql)
    return statement.reader ? statement.raw() : statement
  }
}

/**
 * Keeps a second receiver off the folder, by an open transaction on a file of its own: the lock is gone with the
 * process, however that ends, and readers of the database are not in its way.
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
      remedy: 'stop it first, or give this one a folder of its own with the setting `data`',
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

/** Before anything is written: is it ours, and not from the future? */
function refuseForeign(database: Database, file: string): void {
  const version = Number(database.pragma('user_version', { simple: true }))
  const tables = Number(database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get())
  if (tables > 0 && database.pragma('application_id', { simple: true }) !== APPLICATION_ID) {
    throw new OperatorError(`${file} is a database of another program`, {
      remedy: 'name another folder with the setting `data`',
      exitCode: Exit.CANNOT_CREATE,
    })
  }
  if (version > MIGRATIONS.length) {
    const known = MIGRATIONS.length
    throw new OperatorError(`${file} has schema version ${version}; this Tidegate knows versions up to ${known}`, {
      remedy: 'run the newer Tidegate that made it, or restore a backup from before the update',
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
      ? 'the file is damaged or no database: move it away (keep it), and start again with an empty one'
      : 'look at the free space and the permissions of the data folder',
    exitCode: Exit.CANNOT_CREATE,
    cause,
  })
}
