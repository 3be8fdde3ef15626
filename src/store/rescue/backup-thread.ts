import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { messageOf } from '../../base/errors.ts'
import { type Backup, backUp } from './backup.ts'
import { backupName, isScheduled, listBackups, listParts } from './backup-folder.ts'

/** What the thread is started with. */
export interface BackupOrder {
  /** Folder of the store. */
  readonly folder: string
  readonly backups: string
  readonly keep: number
  /** UTC ms. */
  readonly now: number
}

export type BackupResult =
  | { readonly ok: true; readonly backup: Backup }
  | { readonly ok: false; readonly reason: string }

/** Makes one backup; older ones go when it is whole. */
function make({ folder, backups, keep, now }: BackupOrder): Backup {
  mkdirSync(backups, { recursive: true })
  const name = backupName(now)
  // Only one edge works on this store, and it makes one backup at a time: whoever began these is gone.
  for (const { name: part, of } of listParts(backups)) {
    if (isScheduled(of)) rmSync(join(backups, part), { force: true })
  }
  const backup = backUp(folder, join(backups, name))
  const others = listBackups(backups).filter((one) => one.name !== name)
  for (const { name: old } of others.slice(keep - 1)) rmSync(join(backups, old), { force: true })
  return backup
}

function post(result: BackupResult): void {
  parentPort!.postMessage(result)
}

try {
  post({ ok: true, backup: make(workerData as BackupOrder) })
} catch (failure) {
  post({ ok: false, reason: messageOf(failure) })
}
