import { describe, expect, it } from 'vitest'
import { packagesNotToCompile, readLockfile } from '../support/lockfile.ts'

describe('the package', () => {
  it('installs without a compiler: package-lock.json says which packages bring their binaries', () => {
    const folders = packagesNotToCompile()
    expect(folders).toContain('node_modules/better-sqlite3')
    const locked = readLockfile().packages
    const compiled = folders.filter((folder) => locked[folder]?.gypfile !== false)
    expect(compiled, 'npm has rewritten package-lock.json: run `npm run lockfile`').toEqual([])
  })
})
