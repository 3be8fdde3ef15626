/**
 * Completes package-lock.json after `npm install` has written it.
 *
 * A package with a binding.gyp and no install script is compiled at install time, unless its package.json says
 * `"gypfile": false` (better-sqlite3 ships its binaries and says so). `npm ci` reads that field from package-lock.json
 * only, and npm does not write it there. Without it npm 9, npm 10 and npm 11 up to 11.8 run `node-gyp rebuild`, which needs a compiler.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const LOCKFILE = join(ROOT, 'package-lock.json')

interface LockedPackage {
  gypfile?: boolean
}
interface Lockfile {
  packages: Record<string, LockedPackage>
}

export function readLockfile(): Lockfile {
  return JSON.parse(readFileSync(LOCKFILE, 'utf8')) as Lockfile
}

/** Folders (relative to the root) of the installed packages that must not be compiled. */
export function packagesNotToCompile(): string[] {
  const folders = globSync('node_modules/{*,@*/*}', { cwd: ROOT }).map((folder) => folder.replaceAll('\\', '/'))
  return folders.filter((folder) => {
    if (!existsSync(join(ROOT, folder, 'binding.gyp'))) return false
    const manifest = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as LockedPackage
    return manifest.gypfile === false
  })
}

function main(): void {
  const lockfile = readLockfile()
  for (const folder of packagesNotToCompile()) {
    const locked = lockfile.packages[folder]
    if (locked !== undefined) locked.gypfile = false
  }
  writeFileSync(LOCKFILE, `${JSON.stringify(lockfile, undefined, 2)}\n`)
}

if (process.argv[1] === import.meta.filename) main()
