import { chmodSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { takeFromOthers } from '../../../src/base/files/private-files.ts'
import { tempFolder } from '../../../support/folder.ts'

describe.skipIf(process.platform === 'win32')('files that other users can read', () => {
  it('are taken from them with a warning; a mode that only admits the group stays, and so do other files', () => {
    const folder = tempFolder()
    const modes = { 'a.db': 0o644, 'a.db-wal': 0o666, 'b.db': 0o640, 'c.db': 0o600, 'other.txt': 0o644 }
    for (const [name, mode] of Object.entries(modes)) {
      writeFileSync(join(folder, name), '')
      chmodSync(join(folder, name), mode)
    }
    const warnings = takeFromOthers(folder, /\.db/)
    expect(warnings).toHaveLength(1)
    for (const name of ['a.db', 'a.db-wal']) expect(warnings[0]).toContain(name)
    const after = Object.keys(modes).map((name) => (statSync(join(folder, name)).mode & 0o777).toString(8))
    expect(after).toEqual(['600', '600', '640', '600', '644'])
    expect(takeFromOthers(folder, /\.db/)).toEqual([])
    expect(takeFromOthers(join(folder, 'none'), /\.db/)).toEqual([])
  })
})
