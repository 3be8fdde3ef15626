import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Exists after a running edge has found the database damaged; contains the message of SQLite. */
const FILE = 'tidegate.suspect'

/**
 * Notes that a part of the database could not be read while it was in use, so that the next opening checks all of it,
 * whatever its size. The note is a file of its own, because nothing more is written to a damaged database.
 */
export function suspect(folder: string, reason: string): void {
  try {
    writeFileSync(join(folder, FILE), `${reason}\n`)
  } catch {
    // The disk does not accept a file either; the next opening still makes its usual check.
  }
}

export function isSuspect(folder: string): boolean {
  return existsSync(join(folder, FILE))
}

export function clearSuspicion(folder: string): void {
  rmSync(join(folder, FILE), { force: true })
}
