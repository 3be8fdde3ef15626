import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { syncFile, syncFolder } from '../../base/fsync.ts'
import { DATABASE_FILE } from '../database.ts'
import { compactTime } from './compact-time.ts'

/** Files of SQLite next to a database: they belong to that database, and never to the one that replaces it. */
const SIDE_FILES = ['-wal', '-shm']
/** An unfinished file; removed when another one is begun. */
const MAKING = `${DATABASE_FILE}.making`
/**
 * A complete file that is to replace the database; the rest of its name is the suffix under which the present database
 * is set aside.
 */
const NEXT = `${DATABASE_FILE}.next-`

/**
 * Begins to replace the database by another one; the present one is set aside and not changed. A crash at any moment
 * leaves one or the other in place: the complete new file has a name of its own before the first rename, and the next
 * opening of the folder finishes the replacement (`finishReplacement`).
 * @returns the path for the new file
 */
export function beginReplacement(folder: string): string {
  const file = join(folder, MAKING)
  for (const suffix of ['', ...SIDE_FILES, '-journal']) rmSync(`${file}${suffix}`, { force: true })
  return file
}

/**
 * Replaces the database by the file of `beginReplacement`, which must be closed and complete.
 * @param aside a name from `asideName` for the present database
 */
export function replaceDatabase(folder: string, aside: string): void {
  const making = join(folder, MAKING)
  syncFile(making)
  renameSync(making, join(folder, `${NEXT}${aside}`))
  syncFolder(folder)
  finishReplacement(folder)
}

/** Finishes a replacement that a crash has interrupted; does nothing if there is none. */
export function finishReplacement(folder: string): void {
  for (const name of readdirSync(folder).filter((one) => one.startsWith(NEXT))) {
    const aside = join(folder, `${DATABASE_FILE}.${name.slice(NEXT.length)}`)
    const present = join(folder, DATABASE_FILE)
    // The WAL moves first: an opening that finds the database without its WAL then finishes the replacement here, and
    // never uses the database without it.
    if ((statSync(`${present}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) {
      renameSync(`${present}-wal`, `${aside}-wal`)
    }
    for (const suffix of SIDE_FILES) rmSync(`${present}${suffix}`, { force: true })
    if (existsSync(present)) renameSync(present, aside)
    syncFolder(folder)
    renameSync(join(folder, name), join(folder, DATABASE_FILE))
    syncFolder(folder)
  }
}

/** An unused suffix of the reason and the time in UTC. @returns the text that follows `tidegate.db.`. */
export function asideName(folder: string, why: string, now: number): string {
  const stem = `${why}-${compactTime(now)}`
  for (let count = 1; ; count++) {
    const name = count === 1 ? stem : `${stem}-${count}`
    if (!existsSync(join(folder, `${DATABASE_FILE}.${name}`))) return name
  }
}
