import { chmodSync, readdirSync, type Stats, statSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf, messageOf } from '../errors.ts'

const OTHERS = 0o007
const GROUP_AND_OTHERS = 0o077

/** Makes this process create files and folders that only its own user can read. Not on Windows, which has no modes. */
export function createPrivately(): void {
  if (process.platform !== 'win32') process.umask(GROUP_AND_OTHERS)
}

/** Whether every user of the machine can read or change the file. */
export function othersMayUse({ mode }: Stats): boolean {
  return process.platform !== 'win32' && (mode & OTHERS) !== 0
}

/**
 * Takes the files of a folder whose names match away from other users: earlier versions created them with the modes of
 * the umask. A file that only its group can read too is left as it is: that mode was set on purpose.
 * @returns warnings for the log
 */
export function takeFromOthers(folder: string, names: RegExp): string[] {
  const changed: string[] = []
  const warnings: string[] = []
  for (const name of namesIn(folder)) {
    const file = join(folder, name)
    try {
      const stats = names.test(name) ? statSync(file) : undefined
      if (stats === undefined || !stats.isFile() || !othersMayUse(stats)) continue
      chmodSync(file, stats.mode & ~GROUP_AND_OTHERS & 0o777)
      // Some file systems accept a mode without keeping it.
      if (othersMayUse(statSync(file))) warnings.push(`${stillOpen(file)}: its file system keeps no modes`)
      else changed.push(name)
    } catch (trouble) {
      if (codeOf(trouble) !== 'ENOENT') warnings.push(`${stillOpen(file)}: ${messageOf(trouble)}`)
    }
  }
  if (changed.length > 0) {
    warnings.push(
      `every user of this machine could read ${changed.join(', ')} in ${folder}: now only the owner can (mode 600)`,
    )
  }
  return warnings
}

function stillOpen(file: string): string {
  return `every user of this machine can read ${file}, and its mode cannot be changed`
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
