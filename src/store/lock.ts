import { join } from 'node:path'
import SQLite, { type Database } from 'better-sqlite3'
import { codeOf, Exit, messageOf, OperatorError } from '../base/errors.ts'

/**
 * Keeps a second edge off a data folder, with a lock of the operating system on a file next to the database, taken
 * through an open SQLite transaction. The lock is released when the process ends, however it ends, so that there is no
 * stale lock file to remove.
 */
export class FolderLock {
  readonly #database: Database

  private constructor(database: Database) {
    this.#database = database
  }

  /** @throws OperatorError when another process holds the folder, or the lock file cannot be used. */
  static take(folder: string, fileName = 'tidegate.lock'): FolderLock {
    const file = join(folder, fileName)
    let database: Database | undefined
    try {
      database = new SQLite(file, { timeout: 0 })
      database.exec('CREATE TABLE IF NOT EXISTS owner (pid INTEGER NOT NULL) STRICT')
      database.exec('DELETE FROM owner')
      database.prepare('INSERT INTO owner (pid) VALUES (?)').run(BigInt(process.pid))
      database.exec('BEGIN IMMEDIATE')
      return new FolderLock(database)
    } catch (cause) {
      const owner = database && codeOf(cause)?.startsWith('SQLITE_BUSY') ? ownerOf(database) : undefined
      database?.close()
      if (owner === undefined) {
        throw new OperatorError(`cannot lock the data folder with ${file}: ${messageOf(cause)}`, {
          remedy: 'give this user write access to it; a damaged lock file may be deleted while no Tidegate runs',
          exitCode: Exit.CANNOT_CREATE,
          cause,
        })
      }
      throw new OperatorError(`another Tidegate (process ${owner}) is already running on the data folder ${folder}`, {
        remedy: 'stop it first, or use a different folder with the setting `data`',
        exitCode: Exit.UNAVAILABLE,
        cause,
      })
    }
  }

  release(): void {
    this.#database.close()
  }
}

function ownerOf(database: Database): string {
  try {
    return String(database.prepare('SELECT pid FROM owner').pluck().get() ?? 'unknown')
  } catch {
    return 'unknown'
  }
}
