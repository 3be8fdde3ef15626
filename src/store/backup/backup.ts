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
 * Writes a whole and consistent copy of the store of a folder, as it is at this moment, beside a running edge or without
 * one. The file is there when it has been checked and is on the disk, and not before: a crash leaves no half one. Blocks
 * the thread for as long as it takes, about 10 ms for each MiB.
 *
 * `VACUUM INTO` reads one snapshot: commits go on beside it, but the WAL keeps all of them until it is done. (SQLite's
 * other way, which better-sqlite3 has as `.backup()`, copies in steps and begins anew whenever another process has
 * written: beside a busy edge it never ends.)
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

/** How large a backup of a store would be now (bytes). */
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
      ? 'the store is damaged: start the edge again, it salvages what can be read'
      : 'look at the free space and the permissions of the folder for the backup',
    exitCode: Exit.CANNOT_CREATE,
    cause,
  })
}

/** @throws OperatorError when a copy is not what was to be copied. */
function prove(file: string): void {
  const copy = new SQLite(file, { readonly: true })
  try {
    const problem = problemOf(copy)
    if (problem === undefined) return
    throw new OperatorError(`the backup ${file} is not whole: ${problem}`, {
      remedy: 'look at the disk of the folder for the backup; nothing was kept of it',
    })
  } finally {
    copy.close()
  }
}

/** What is wrong with a copy of a store; undefined: it is whole. */
export function problemOf(copy: Database): string | undefined {
  if (copy.pragma('application_id', { simple: true }) !== APPLICATION_ID) return 'it is no store of Tidegate'
  const said = copy.pragma('quick_check(1)', { simple: true }) as string
  return said === 'ok' ? undefined : said.replaceAll('\n', ' ')
}

/** What others have left who died while they wrote the same backup. */
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
