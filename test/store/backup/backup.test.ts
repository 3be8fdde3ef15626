import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Exit, OperatorError } from '../../../src/base/errors.ts'
import { backUp } from '../../../src/store/backup/backup.ts'
import { restore } from '../../../src/store/backup/restore.ts'
import { DATABASE_FILE } from '../../../src/store/database.ts'
import { MIGRATIONS } from '../../../src/store/migrations.ts'
import { tempFolder } from '../../../support/folder.ts'
import { runTidegate, startScript, startTidegate } from '../../../support/process.ts'
import { until } from '../../../support/wait.ts'
import { scribble, setAside } from '../recovery/damage.ts'
import { appendMany, imbalances, openStore, positions, tamper } from '../stores.ts'

/** A folder that contains this file as its database. */
function folderOf(file: string): string {
  const folder = tempFolder()
  copyFileSync(file, join(folder, DATABASE_FILE))
  return folder
}

function positionsIn(folder: string): number[] {
  const store = openStore(folder)
  const found = positions(store)
  store.close()
  return found
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

function refusal(work: () => unknown): OperatorError {
  try {
    work()
  } catch (failure) {
    if (failure instanceof OperatorError) return failure
    throw failure
  }
  throw new Error('it was done')
}

describe('a backup', () => {
  it('contains the store as it was at one moment, also while an edge writes', async () => {
    const folder = tempFolder()
    const holder = startScript('test/store/holder.ts', [folder])
    await holder.waitFor(/committed [1-9]\d\d/)
    for (const name of ['one.db', 'two.db']) {
      const committed = Number(holder.stdout.trim().split(' ').at(-1))
      const copy = folderOf(backUp(folder, join(tempFolder(), name)).file)
      expect(imbalances(copy)).toEqual([])
      const found = positionsIn(copy)
      expect(found).toEqual(upTo(found.length))
      expect(found.length).toBeGreaterThanOrEqual(committed)
    }
    await holder.stop()
  })

  it('leaves nothing under its name when it is killed, and the next backup removes the leftovers', async () => {
    const folder = tempFolder()
    const store = openStore(folder)
    appendMany(store, 1)
    store.close()
    tamper(
      folder,
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
       INSERT INTO rejects SELECT i, 0, 1, '', '', '', randomblob(100000), 100000, 0 FROM n`,
    )
    const backups = tempFolder()
    const file = join(backups, 'plant.db')
    const backup = startTidegate(['backup', file, '--data', folder])
    await until(() => readdirSync(backups).length > 0)
    backup.kill('SIGKILL')
    await backup.exit
    expect(existsSync(file)).toBe(false)
    expect(readdirSync(backups)).not.toEqual([])

    const { code, stdout } = await runTidegate(['backup', file, '--data', folder, '--json'])
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, file })
    expect(readdirSync(backups)).toEqual(['plant.db'])
    const again = await runTidegate(['backup', file, '--data', folder])
    expect(again).toMatchObject({ code: Exit.CANNOT_CREATE, stderr: expect.stringContaining('--force') })
  })

  it('is refused for a damaged store, and the previous backup stays', () => {
    const folder = tempFolder()
    const store = openStore(folder)
    appendMany(store, 20_000)
    store.close()
    const file = backUp(folder, join(tempFolder(), 'plant.db')).file
    const whole = readFileSync(file)
    scribble(join(folder, DATABASE_FILE), { pages: 100, seed: 1 })
    expect(refusal(() => backUp(folder, file)).remedy).toContain('salvages')
    expect(readFileSync(file).equals(whole)).toBe(true)
    expect(readdirSync(join(file, '..'))).toEqual(['plant.db'])
  })
})

describe('a restored store', () => {
  it('has the content of the backup and a new epoch; the replaced database is set aside with its WAL', async () => {
    const folder = tempFolder()
    const store = openStore(folder)
    appendMany(store, 30)
    const { epoch } = store
    const { file } = backUp(folder, join(tempFolder(), 'plant.db'))
    store.close()
    const holder = startScript('test/store/holder.ts', [folder])
    await holder.waitFor(/committed [1-9]\d\d/)
    expect(refusal(() => restore(folder, file, Date.now())).exitCode).toBe(Exit.UNAVAILABLE)
    holder.kill('SIGKILL')
    await holder.exit
    const committed = Number(holder.stdout.trim().split(' ').at(-1))

    const { former } = restore(folder, file, Date.now())
    expect(setAside(folder)).toEqual([former, `${former}-wal`])
    const restored = openStore(folder)
    expect(positions(restored)).toEqual(upTo(30))
    expect(restored.epoch).not.toBe(epoch)
    restored.close()
    expect(imbalances(folder)).toEqual([])

    expect(restore(folder, former!, Date.now()).former).toContain('before-restore')
    expect(positionsIn(folder).length, 'the database that was set aside, with its WAL').toBeGreaterThanOrEqual(
      committed,
    )
  })

  it.each([
    ['no database', (file: string) => writeFileSync(file, 'no pages of SQLite '.repeat(1_000))],
    ['damaged', (file: string) => scribble(file, { pages: [3, 4, 5, 6, 7, 8, 9, 10], seed: 1 })],
    [
      'of a newer version',
      (file: string) => tamper(join(file, '..'), `PRAGMA user_version = ${MIGRATIONS.length + 1}`),
    ],
    ['of another program', (file: string) => tamper(join(file, '..'), 'PRAGMA application_id = 1')],
  ])('is refused when the file is %s, and the store stays as it is', (_what, spoil) => {
    const folder = tempFolder()
    const store = openStore(folder)
    appendMany(store, 10)
    const { epoch } = store
    store.close()
    const file = backUp(folder, join(tempFolder(), DATABASE_FILE)).file
    spoil(file)
    expect(refusal(() => restore(folder, file, Date.now())).message).toContain(file)
    expect(setAside(folder)).toEqual([])
    const same = openStore(folder)
    expect({ epoch: same.epoch, lastSeq: same.lastSeq }).toEqual({ epoch, lastSeq: 10 })
    same.close()
  })
})
