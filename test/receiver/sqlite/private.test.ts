import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { SqliteSink } from '../../../src/receiver/sqlite/sqlite-sink.ts'
import { tempFolder } from '../../../support/folder.ts'

it.skipIf(process.platform === 'win32')(
  'received.db and its WAL are private whatever the umask of the program is',
  async () => {
    const umask = process.umask(0o022)
    try {
      const folder = join(tempFolder(), 'received')
      const sink = SqliteSink.open(folder)
      const names = readdirSync(folder).filter((name) => name.startsWith('received.db'))
      expect(names).toContain('received.db-wal')
      for (const name of names) expect(statSync(join(folder, name)).mode & 0o077, name).toBe(0)
      expect(statSync(folder).mode & 0o077).toBe(0)
      await sink.close()
    } finally {
      process.umask(umask)
    }
  },
)
