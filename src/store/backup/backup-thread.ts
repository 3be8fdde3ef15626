import { mkdirSync, rmSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { OperatorError } from '../../base/errors.ts'
import { FREE_BYTES_MAX, FREE_SHARE } from '../housekeeping/space.ts'
import { type Backup, backUp, sizeInUse } from './backup.ts'
import { backupName, isScheduled, listBackups, listParts } from './backup-folder.ts'

/** The data that the thread is started with. */
export interface BackupOrder {
  /** Folder of the store. */
  readonly folder: string
  readonly backups: string
  readonly keep: number
  /** `store.freeBytesMin`. */
  readonly freeBytesMin: number | undefined
  /** UTC ms. */
  readonly now: number
}

export type BackupResult = { readonly ok: true; readonly backup: Backup } | { readonly ok: false; readonly err: Error }

/**
 * A backup on the disk of the store must not cause history to be removed or readings to be refused: it is made only if
 * twice the space that the store leaves free is still free afterwards. @throws OperatorError
 */
function proveRoom({ folder, backups, freeBytesMin }: BackupOrder): void {
  if (statSync(folder).dev !== statSync(backups).dev) return
  const { bavail, blocks, bsize } = statfsSync(backups)
  const left = 2 * (freeBytesMin ?? Math.min(blocks * bsize * FREE_SHARE, FREE_BYTES_MAX))
  const needed = sizeInUse(folder)
  if (bavail * bsize - needed >= left) return
  throw new OperatorError(
    `a backup needs ${needed} bytes and ${left} must stay free, but the disk of ${backups} has ${bavail * bsize}`,
    { remedy: 'set `store.backup.folder` to a folder on another disk, or free some space' },
  )
}

/** Makes one backup; removes older ones when it is complete. */
function make(order: BackupOrder): Backup {
  const { folder, backups, keep, now } = order
  mkdirSync(backups, { recursive: true })
  const name = backupName(now)
  // Only one edge works on this store, and it makes one backup at a time: the processes that began these backups are
  // gone.
  for (const { name: part, of } of listParts(backups)) {
    if (isScheduled(of)) rmSync(join(backups, part), { force: true })
  }
  proveRoom(order)
  const backup = backUp(folder, join(backups, name))
  const others = listBackups(backups, now).filter((one) => one.name !== name)
  for (const { name: old } of others.slice(keep - 1)) rmSync(join(backups, old), { force: true })
  return backup
}

function post(result: BackupResult): void {
  parentPort!.postMessage(result)
}

try {
  post({ ok: true, backup: make(workerData as BackupOrder) })
} catch (failure) {
  post({ ok: false, err: failure instanceof Error ? failure : new Error(String(failure)) })
}
