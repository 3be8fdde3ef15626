import { closeSync, fsyncSync, openSync } from 'node:fs'

/** The content of the file is on disk when this returns. */
export function syncFile(path: string): void {
  syncAt(path, 'r+')
}

/** New names and renames in the folder are on disk when this returns. Windows has no such call and needs none. */
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
