import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DATABASE_FILE } from '../../../src/store/database.ts'
import { asideName } from '../../../src/store/recovery/replace-file.ts'
import { tempFolder } from '../../../support/folder.ts'
import { appendMany, openStore } from '../stores.ts'
import { damagesOf, setAside } from './damage.ts'

const ASIDE = 'corrupt-20261124T131415Z'

/**
 * A folder in which a crash interrupted a replacement before its first rename of the present database: the next
 * database is complete.
 */
function begunReplacement(): { folder: string; present: string; next: string } {
  const folder = tempFolder()
  const other = tempFolder()
  for (const [where, count] of [
    [folder, 3],
    [other, 7],
  ] as const) {
    const store = openStore(where)
    appendMany(store, count)
    store.close()
  }
  const next = join(folder, `${DATABASE_FILE}.next-${ASIDE}`)
  renameSync(join(other, DATABASE_FILE), next)
  return { folder, present: join(folder, DATABASE_FILE), next }
}

function lastSeqOf(folder: string): number {
  const store = openStore(folder)
  const { lastSeq } = store
  store.close()
  return lastSeq
}

describe('the replacement of a database that a crash has interrupted', () => {
  it.each([
    { at: 'nothing is renamed', wal: true, steps: [] },
    { at: 'the WAL is set aside', wal: true, steps: ['-wal'] },
    { at: 'the WAL and the database are set aside', wal: true, steps: ['-wal', ''] },
    { at: 'the database, which had no WAL, is set aside', wal: false, steps: [''] },
  ])('is completed at the next start, when $at', ({ wal, steps }) => {
    const { folder, present } = begunReplacement()
    const aside = join(folder, `${DATABASE_FILE}.${ASIDE}`)
    const before = readFileSync(present)
    if (wal) writeFileSync(`${present}-wal`, 'the WAL of the old one')
    for (const suffix of steps) renameSync(`${present}${suffix}`, `${aside}${suffix}`)
    expect(lastSeqOf(folder)).toBe(7)
    expect(setAside(folder)).toEqual(wal ? [aside, `${aside}-wal`] : [aside])
    expect(readFileSync(aside).equals(before)).toBe(true)
    if (wal) expect(readFileSync(`${aside}-wal`, 'utf8')).toBe('the WAL of the old one')
    expect(lastSeqOf(folder), 'once').toBe(7)
    expect(damagesOf(folder)).toEqual([])
  })

  it('ignores an incomplete new database', () => {
    const { folder, next } = begunReplacement()
    renameSync(next, join(folder, `${DATABASE_FILE}.making`))
    expect(lastSeqOf(folder)).toBe(3)
  })
})

it('a file that is set aside never gets the name of one that was set aside before', () => {
  const folder = tempFolder()
  const at = Date.UTC(2026, 10, 24, 13, 14, 15)
  expect(asideName(folder, 'corrupt', at)).toBe(ASIDE)
  copyFileSync(import.meta.filename, join(folder, `${DATABASE_FILE}.${ASIDE}`))
  expect(asideName(folder, 'corrupt', at)).toBe(`${ASIDE}-2`)
})
