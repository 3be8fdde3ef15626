import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Exit, OperatorError } from './errors.ts'

/** Packages whose private members Tidegate uses. package.json pins each of them to one version. */
export type PinnedPackage = 'aedes' | 'mqtt-packet' | 'ws'

/** The error for an installed package that lacks a private member. `problem` says which member, and what was found. */
export function incompatiblePackage(name: PinnedPackage, problem: string): OperatorError {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const pinned = (JSON.parse(manifest) as { dependencies: Record<PinnedPackage, string> }).dependencies[name]
  return new OperatorError(
    `${name} ${installedVersion(name)} is not compatible: ${problem}; Tidegate needs ${name} ${pinned}`,
    { remedy: `install that version: \`npm install ${name}@${pinned}\``, exitCode: Exit.UNAVAILABLE },
  )
}

/** Reads the version from the package's folder: not every package exports its package.json. */
function installedVersion(name: PinnedPackage): string {
  let folder = dirname(createRequire(import.meta.url).resolve(name))
  for (; folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const found = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
        name?: string
        version?: string
      }
      if (found.name === name && found.version !== undefined) return found.version
    } catch {
      // The main file is in a subfolder of the package.
    }
  }
  return '(unknown version)'
}
