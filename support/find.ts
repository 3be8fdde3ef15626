import { accessSync, constants, globSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

/** Debian installs servers here, which is not on every PATH. */
const MORE_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/bin']

/** Every executable with this name, in the order of the PATH. */
export function findAll(program: string): string[] {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...MORE_FOLDERS]
  return [...new Set(folders)].map((folder) => join(folder, program)).filter(isExecutable)
}

export function findFirst(program: string): string | undefined {
  return findAll(program)[0]
}

/**
 * The newest PostgreSQL server with an `initdb` in its folder. Debian has one folder for the programs of each
 * version.
 */
export function findPostgres(): string | undefined {
  const versions = globSync('/usr/lib/postgresql/*/bin/postgres').sort((a, b) => versionOf(b) - versionOf(a))
  const servers = [...versions, ...findAll('postgres').map((link) => realpathSync(link))]
  return servers.find((server) => isExecutable(join(dirname(server), 'initdb')))
}

function versionOf(path: string): number {
  return Number.parseFloat(path.split('/')[4] ?? '0')
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
