import { renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import SQLite, { type Database } from 'better-sqlite3'
import { codeOf, Exit, messageOf, OperatorError } from '../../base/errors.ts'
import { syncFile, syncFolder } from '../../base/fsync.ts'
import { openReadOnly } from '../database.ts'
import { APPLICATION_ID } from '../migrations.ts'
import { listParts, partName } from './backup-folder.ts'

export interface Backup {
  readonly file: string
  readonly bytes: number
}

/**
 * Writes a complete and consistent copy of a folder's store, as it is at this moment; the edge may be running. The file
 * appears under its name only after it was checked and synced, so a crash leaves no partial backup. Blocks the thread
 * meanwhile, for about 10 ms per MiB.
 *
 * `VACUUM INTO` reads one snapshot: commits continue during it, but the WAL keeps all of them until it is done.
 * (SQLite's other method, `.backup()` in better-sqlite3, copies in steps and restarts whenever another process has
 * written: with a busy edge it never ends.)
 * @throws OperatorError when there is no store, it is damaged, or the copy cannot be written.
 */
export function backUp(folder: string, file: string): Backup {
  removeLeftOvers(file)
  const part = partName(file, process.pid)
  const source = openReadOnly(folder, { older: 'take' })
  try {
    source.prepare('VACUUM INTO ?').run(part)
    prove(part)
    syncFile(part)
    const { size: bytes } = statSync(part)
    renameSync(part, file)
    syncFolder(dirname(file))
    return { file, bytes }
  } catch (cause) {
    for (const suffix of ['', '-journal']) rmSync(`${part}${suffix}`, { force: true })
    throw cause instanceof OperatorError ? cause : failed(folder, file, cause)
  } finally {
    source.close()
  }
}

/** The size of a backup of a store made now (bytes). */
export function sizeInUse(folder: string): number {
  const source = openReadOnly(folder, { older: 'take' })
  try {
    const [pages, free, bytes] = ['page_count', 'freelist_count', 'page_size'].map(
      (name) => source.pragma(name, { simple: true }) as number,
    )
    return (pages! - free!) * bytes!
  } finally {
    source.close()
  }
}

function failed(folder: string, file: string, cause: unknown): OperatorError {
  return new OperatorError(`cannot write the backup ${file} of the store in ${folder}: ${messageOf(cause)}`, {
    remedy: codeOf(cause)?.startsWith('SQLITE_CORRUPT')
      ? 'the store is damaged: restart the edge, which salvages what can be read'
      : 'check the free space and the permissions of the backup folder',
    exitCode: Exit.CANNOT_CREATE,
    cause,
  })
}

/** @throws OperatorError when the copy is damaged. */
function prove(file: string): void {
  const copy = new SQLite(file, { readonly: true })
  try {
    const problem = problemOf(copy)
    if (problem === undefined) return
    throw new OperatorError(`the backup ${file} is damaged: ${problem}`, {
      remedy: 'check the disk of the backup folder; the damaged copy was removed',
    })
  } finally {
    copy.close()
  }
}

/** The problem of a copy of a store; undefined: it is complete and sound. */
export function problemOf(copy: Database): string | undefined {
  if (copy.pragma('application_id', { simple: true }) !== APPLICATION_ID) return 'it is not a Tidegate store'
  const said = copy.pragma('quick_check(1)', { simple: true }) as string
  return said === 'ok' ? undefined : said.replaceAll('\n', ' ')
}

/** Removes unfinished files of the same backup whose process has ended. */
function removeLeftOvers(file: string): void {
  const folder = dirname(file)
  for (const { name, of, pid } of listParts(folder)) {
    const isLeft = of === basename(file) && (pid === process.pid || !isAlive(pid))
    if (isLeft) rmSync(join(folder, name), { force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (failure) {
    return codeOf(failure) === 'EPERM'
  }
}
