import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { DATABASE_FILE } from '../../src/store/database.ts'
import { APPLICATION_ID, MIGRATIONS, migrate } from '../../src/store/migrations.ts'
import { openReader } from '../../src/store/reader.ts'
import { tempFolder } from '../../support/folder.ts'
import { contents, runHousekeeping } from './sealed.ts'
import { imbalances, openStore } from './stores.ts'

const READINGS = 300

/** A database as a Tidegate with an earlier schema left it: 300 readings of one device, the first 100 confirmed. */
function makeDatabase(version: number): string {
  const folder = join(tempFolder(), 'data')
  mkdirSync(folder)
  const database = new SQLite(join(folder, DATABASE_FILE))
  database.pragma('journal_mode = WAL')
  for (const sql of MIGRATIONS.slice(0, version)) database.exec(sql)
  database.pragma(`application_id = ${APPLICATION_ID}`)
  database.pragma(`user_version = ${version}`)
  database.exec(`
    INSERT INTO meta (key, value) VALUES ('epoch', 'abcdefghijkl');
    INSERT INTO devices (name, received, stored) VALUES ('press', ${READINGS}, ${READINGS});
    INSERT INTO series (device, metric, unit, type) VALUES (1, 'force', 'N', 'number');
    INSERT INTO uplinks (name) VALUES ('cloud');
    INSERT INTO confirmed VALUES (1, 1, 100);
    INSERT INTO confirmed_counts (uplink, device, confirmed) VALUES (1, 1, 100);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${READINGS})
      INSERT INTO log SELECT i, 1, 1000 * i, i / 4.0, 1, 0, 1000 * i FROM n`)
  database.close()
  return folder
}

describe('a database of an earlier version', () => {
  it.each(MIGRATIONS.map((_, i) => i + 1))(
    '%i is migrated to the newest schema, keeps everything, and is sealed like any other',
    (version) => {
      const folder = makeDatabase(version)
      const store = openStore(folder, { sealRows: 64 })
      expect(store.epoch).toBe('abcdefghijkl')
      const before = contents(store)
      expect(before.map(({ seq, value }) => [seq, value])).toEqual(
        Array.from({ length: READINGS }, (_, i) => [i + 1, (i + 1) / 4]),
      )
      runHousekeeping(store)
      expect(store.sealed.seals.sealedUpTo).toBe(READINGS)
      expect(contents(store)).toStrictEqual(before)
      expect(store.backlog(store.outbox('cloud'))).toMatchObject({ waiting: 200, confirmed: 100 })
      store.close()
      expect(imbalances(folder)).toEqual([])
    },
  )

  it('is not read before it is migrated', () => {
    const folder = makeDatabase(MIGRATIONS.length - 1)
    expect(() => openReader(folder)).toThrow(`schema version ${MIGRATIONS.length - 1}`)
    openStore(folder).close()
    openReader(folder).close()
  })

  it('stays as it was when a step fails, and is migrated by the next start', () => {
    const folder = makeDatabase(1)
    const database = new SQLite(join(folder, DATABASE_FILE))
    database.exec('CREATE TABLE seals (in_the_way)') // so that the second step fails halfway
    const schema = database.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name')
    const before = schema.all()
    expect(() => migrate(database)).toThrow('seals')
    expect(schema.all()).toEqual(before)
    expect(database.pragma('user_version', { simple: true })).toBe(1)
    database.exec('DROP TABLE seals')
    database.close()
    const store = openStore(folder)
    expect(contents(store).length).toBe(READINGS)
    store.close()
  })
})
