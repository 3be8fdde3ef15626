import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Debian keeps servers here, which is not on everybody's PATH. */
const MORE_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/bin']

/** Every executable of this name, in the order of the PATH. */
export function findAll(program: string): string[] {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...MORE_FOLDERS]
  return [...new Set(folders)].map((folder) => join(folder, program)).filter(isExecutable)
}

export function findFirst(program: string): string | undefined {
  return findAll(program)[0]
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
