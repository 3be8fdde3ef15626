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
  /** Where the database lies that was there before; undefined: there was none. */
  readonly former: string | undefined
}

/**
 * Puts a backup in the place of a folder's database, which is set aside. The backup itself stays as it is; its copy is
 * checked before anything changes. It begins a new epoch: what was stored after the backup was made may have reached the
 * cloud, and its positions will be given again.
 * @throws OperatorError when an edge runs on the folder, the file is no whole backup of this or an earlier version, or it
 * cannot be written; then all is as it was.
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
    beginReplacement(folder) // removes the half-made copy
    throw failure
  } finally {
    lock.release()
  }
}

/** With its WAL, if it has one: then it is a copy made by hand. */
function copy(file: string, making: string): void {
  try {
    for (const suffix of ['', '-wal']) {
      if (suffix === '' || existsSync(`${file}${suffix}`)) {
        copyFileSync(`${file}${suffix}`, `${making}${suffix}`, constants.COPYFILE_FICLONE)
      }
    }
  } catch (cause) {
    throw new OperatorError(`cannot copy the backup ${file} to ${making}: ${messageOf(cause)}`, {
      remedy: codeOf(cause) === 'ENOENT' ? 'name a file that `tidegate backup` has made' : 'look at the free space',
      exitCode: Exit.CANNOT_CREATE,
      cause,
    })
  }
}

/** Checks the copy, and begins its new epoch. */
function adopt(making: string, file: string): string {
  const database = new SQLite(making)
  try {
    const problem = problemOf(database)
    if (problem !== undefined) throw new Error(problem)
    const version = database.pragma('user_version', { simple: true }) as number
    if (version > MIGRATIONS.length) {
      throw new Error(`it has schema version ${version}, and this Tidegate knows versions up to ${MIGRATIONS.length}`)
    }
    const epoch = database.transaction(() => renewEpoch(database)).immediate()
    database.pragma('journal_mode = DELETE') // nothing of it stays in a WAL, whose name would not go with it
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
