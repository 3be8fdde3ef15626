import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** There while a running edge has found the database damaged; in it, what SQLite said. */
const FILE = 'tidegate.suspect'

/**
 * Notes that a part of the database could not be read while it was in use, so that the next opening looks at all of it,
 * however large it is. It stands in a file of its own: into a damaged database nothing more is written.
 */
export function suspect(folder: string, reason: string): void {
  try {
    writeFileSync(join(folder, FILE), `${reason}\n`)
  } catch {
    // A disk that takes no file either: the next opening finds what it looks at.
  }
}

export function isSuspect(folder: string): boolean {
  return existsSync(join(folder, FILE))
}

export function clearSuspicion(folder: string): void {
  rmSync(join(folder, FILE), { force: true })
}
