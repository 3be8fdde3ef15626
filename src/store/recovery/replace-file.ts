import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { syncFile, syncFolder } from '../../base/fsync.ts'
import { DATABASE_FILE } from '../database.ts'
import { compactTime } from './compact-time.ts'

/** What SQLite keeps beside a database: it belongs to that one, and never to the one that takes its place. */
const SIDE_FILES = ['-wal', '-shm']
/** Half-made; removed when another is begun. */
const MAKING = `${DATABASE_FILE}.making`
/** Whole, and to take the place of the database; the rest of the name says what that is to be called then. */
const NEXT = `${DATABASE_FILE}.next-`

/**
 * Another database takes the place of the present one, which is set aside and not touched. A crash at any moment leaves
 * the one or the other in place: what is whole bears a name of its own before the first rename, and whoever opens the
 * folder next goes on with it (`finishReplacement`).
 */
export function beginReplacement(folder: string): string {
  const file = join(folder, MAKING)
  for (const suffix of ['', ...SIDE_FILES, '-journal']) rmSync(`${file}${suffix}`, { force: true })
  return file
}

/**
 * Puts the file of `beginReplacement`, closed and whole, in the database's place.
 * @param aside of `asideName`: what the present one is called then.
 */
export function replaceDatabase(folder: string, aside: string): void {
  const making = join(folder, MAKING)
  syncFile(making)
  renameSync(making, join(folder, `${NEXT}${aside}`))
  syncFolder(folder)
  finishReplacement(folder)
}

/** Goes on with a replacement that a crash has cut short; does nothing where there is none. */
export function finishReplacement(folder: string): void {
  for (const name of readdirSync(folder).filter((one) => one.startsWith(NEXT))) {
    const aside = join(folder, `${DATABASE_FILE}.${name.slice(NEXT.length)}`)
    const present = join(folder, DATABASE_FILE)
    // The WAL first: whoever finds the database without it goes on here, and never uses it without.
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

/** A name that nothing has: what comes before it, and the time in UTC. @returns what follows `tidegate.db.`. */
export function asideName(folder: string, why: string, now: number): string {
  const stem = `${why}-${compactTime(now)}`
  for (let count = 1; ; count++) {
    const name = count === 1 ? stem : `${stem}-${count}`
    if (!existsSync(join(folder, `${DATABASE_FILE}.${name}`))) return name
  }
}
