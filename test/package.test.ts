import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packagesNotToCompile, readLockfile } from '../support/lockfile.ts'

const ROOT = join(import.meta.dirname, '..')
/** As in src/base/pinned-package.ts. */
const WITH_PRIVATE_PARTS = ['aedes', 'mqtt-packet', 'ws']

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
}

describe('the package', () => {
  it('installs without a compiler: package-lock.json says which packages bring their binaries', () => {
    const folders = packagesNotToCompile()
    expect(folders).toContain('node_modules/better-sqlite3')
    const locked = readLockfile().packages
    const compiled = folders.filter((folder) => locked[folder]?.gypfile !== false)
    expect(compiled, 'npm has rewritten package-lock.json: run `npm run lockfile`').toEqual([])
  })

  it('pins the packages whose private parts it uses, and installs each of them once', () => {
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest
    const folders = Object.keys(readLockfile().packages)
    for (const name of WITH_PRIVATE_PARTS) {
      expect(dependencies[name], name).toMatch(/^\d+\.\d+\.\d+$/)
      expect(folders.filter((folder) => folder.endsWith(`node_modules/${name}`))).toEqual([`node_modules/${name}`])
    }
  })
})
