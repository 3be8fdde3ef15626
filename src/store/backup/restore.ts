import { constants, copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { codeOf, Exit, messageOf, OperatorError } from '../../base/errors.ts'
import { DATABASE_FILE, prepareFolder } from '../database.ts'
import { FolderLock } from '../lock.ts'
import { MIGRATIONS } from '../migrations.ts'
import { asideName, beginReplacement, finishReplacement, replaceDatabase } from '../recovery/replace-file.ts'
import { clearSuspicion } from '../recovery/suspicion.ts'
import { renewEpoch } from '../timeline.ts'
import { problemOf } from './backup.ts'

export interface Restored {
  readonly epoch: string
  /** Path of the former database; undefined: there was none. */
  readonly former: string | undefined
}

/**
 * Replaces a folder's database by a backup, and sets the former database aside. The backup itself is not changed; its
 * copy is checked before anything else changes. The copy begins a new epoch: readings that were stored after the backup
 * was made may have reached the cloud, and their positions will be assigned again.
 * @throws OperatorError when an edge runs on the folder, the file is not a complete backup of this or an earlier
 * version, or it cannot be written; then nothing has changed.
 */
export function restore(folder: string, file: string, now: number): Restored {
  prepareFolder(folder)
  const lock = FolderLock.take(folder)
  try {
    finishReplacement(folder)
    const making = beginReplacement(folder)
    copy(file, making)
    const epoch = adopt(making, file)
    const aside = asideName(folder, 'before-restore', now)
    const former = existsSync(join(folder, DATABASE_FILE)) ? join(folder, `${DATABASE_FILE}.${aside}`) : undefined
    replaceDatabase(folder, aside)
    clearSuspicion(folder)
    return { epoch, former }
  } catch (failure) {
    beginReplacement(folder) // removes the partial copy
    throw failure
  } finally {
    lock.release()
  }
}

/** Copies the file, and its WAL if it has one: then it is a copy made by hand. */
function copy(file: string, making: string): void {
  try {
    for (const suffix of ['', '-wal']) {
      if (suffix === '' || existsSync(`${file}${suffix}`)) {
        copyFileSync(`${file}${suffix}`, `${making}${suffix}`, constants.COPYFILE_FICLONE)
      }
    }
  } catch (cause) {
    throw new OperatorError(`cannot copy the backup ${file} to ${making}: ${messageOf(cause)}`, {
      remedy: codeOf(cause) === 'ENOENT' ? 'name a file that `tidegate backup` has made' : 'check the free space',
      exitCode: Exit.CANNOT_CREATE,
      cause,
    })
  }
}

/** Checks the copy, and begins its new epoch. @returns the epoch. */
function adopt(making: string, file: string): string {
  const database = new SQLite(making)
  try {
    const problem = problemOf(database)
    if (problem !== undefined) throw new Error(problem)
    const version = database.pragma('user_version', { simple: true }) as number
    if (version > MIGRATIONS.length) {
      throw new Error(
        `it has schema version ${version}, and this Tidegate supports versions up to ${MIGRATIONS.length}`,
      )
    }
    const epoch = database.transaction(() => renewEpoch(database)).immediate()
    database.pragma('journal_mode = DELETE') // no data may stay in a WAL: its name would no longer match
    return epoch
  } catch (cause) {
    throw new OperatorError(`${file} cannot be restored: ${messageOf(cause)}`, {
      remedy: 'name a file that `tidegate backup` of this version or an earlier one has made',
      cause,
    })
  } finally {
    database.close()
  }
}
