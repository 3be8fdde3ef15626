import { closeSync, fsyncSync, openSync } from 'node:fs'

/** The content of a file is on the disk when this returns. */
export function syncFile(path: string): void {
  syncAt(path, 'r+')
}

/** Names and renames in a folder are on the disk when this returns. Windows has no such call and needs none. */
export function syncFolder(path: string): void {
  if (process.platform !== 'win32') syncAt(path, 'r')
}

function syncAt(path: string, flags: 'r' | 'r+'): void {
  const file = openSync(path, flags)
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
