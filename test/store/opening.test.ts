import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import SQLite, { type Database } from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { Exit, OperatorError } from '../../src/base/errors.ts'
import { DATABASE_FILE, openDatabase } from '../../src/store/database.ts'
import { APPLICATION_ID, MIGRATIONS } from '../../src/store/migrations.ts'
import { openReader } from '../../src/store/reader.ts'
import { tempFolder } from '../../support/folder.ts'
import { startScript } from '../../support/process.ts'
import { append, appendMany, connect, openStore, positions, tamper } from './stores.ts'

/** The error that an operator sees. */
function refusal(open: () => unknown): OperatorError {
  try {
    open()
  } catch (failure) {
    if (failure instanceof OperatorError) return failure
    throw failure
  }
  throw new Error('it was opened')
}

/** SQLite as better-sqlite3 would be if setting `synchronous` did nothing. */
function withDeafSynchronous<T>(work: () => T): T {
  const { pragma } = SQLite.prototype
  SQLite.prototype.pragma = function (this: Database, source, options) {
    return source.startsWith('synchronous =') ? [] : pragma.call(this, source, options)
  }
  try {
    return work()
  } finally {
    SQLite.prototype.pragma = pragma
  }
}

describe('the durability settings', () => {
  it('are synchronous=FULL and WAL on a fresh database and on one that is opened again', () => {
    const folder = tempFolder()
    for (const occasion of ['fresh', 'again', 'and again']) {
      const database = openDatabase(folder)
      const inForce = {
        occasion,
        synchronous: database.pragma('synchronous', { simple: true }),
        journal: database.pragma('journal_mode', { simple: true }),
        autocheckpoint: database.pragma('wal_autocheckpoint', { simple: true }),
      }
      database.close()
      expect(inForce).toEqual({ occasion, synchronous: 2, journal: 'wal', autocheckpoint: 0 })
    }
  })

  it('are checked: the store refuses to run if commits would not be synced', () => {
    const folder = tempFolder()
    openStore(folder).close()
    const { message, remedy } = refusal(() => withDeafSynchronous(() => openStore(folder)))
    expect(message).toContain('synchronous=FULL')
    expect(remedy).toContain('durable')
    openStore(folder).close()
  })
})

describe('a database that cannot be opened is refused with a remedy', () => {
  it('when the folder cannot be written', () => {
    const file = join(tempFolder(), 'file')
    writeFileSync(file, '')
    for (const folder of [file, join(file, 'below')]) {
      const { message, remedy, exitCode } = refusal(() => openStore(folder))
      expect(message).toContain(folder)
      expect(remedy).toContain('write access')
      expect(exitCode).toBe(Exit.CANNOT_CREATE)
    }
  })

  it('when it is of a newer version, and stays as it is', () => {
    const folder = tempFolder()
    openStore(folder).close()
    tamper(folder, `PRAGMA user_version = ${MIGRATIONS.length + 1}`)
    expect(refusal(() => openStore(folder)).message).toContain(`schema version ${MIGRATIONS.length + 1}`)
    expect(refusal(() => openReader(folder)).remedy).toContain('newer Tidegate')
    tamper(folder, `PRAGMA user_version = ${MIGRATIONS.length}`)
    openStore(folder).close()
  })

  it('when it is of another program, and stays as it is', () => {
    const folder = tempFolder()
    tamper(folder, 'CREATE TABLE recipes (name TEXT)')
    expect(refusal(() => openStore(folder)).message).toContain('another program')
    expect(refusal(() => openReader(folder)).remedy).toContain('another folder')
    const database = connect(folder)
    expect(database.prepare('SELECT name FROM sqlite_schema').pluck().all()).toEqual(['recipes'])
    expect(database.pragma('journal_mode', { simple: true })).toBe('delete')
    database.close()
  })

  it('when a reader finds a file that is no database, and stays as it is', () => {
    const folder = tempFolder()
    const text = 'these are no pages of SQLite '.repeat(400)
    writeFileSync(join(folder, DATABASE_FILE), text)
    expect(refusal(() => openReader(folder)).remedy).toContain('start the edge')
    expect(readFileSync(join(folder, DATABASE_FILE), 'utf8')).toBe(text)
  })

  it('when its name is taken by something else in the folder', () => {
    for (const name of [DATABASE_FILE, 'tidegate.lock']) {
      const folder = tempFolder()
      mkdirSync(join(folder, name))
      const { message, exitCode } = refusal(() => openStore(folder))
      expect(message).toContain(join(folder, name))
      expect(exitCode).toBe(Exit.CANNOT_CREATE)
    }
  })

  it('when a reader finds a folder in which no edge has ever run', () => {
    expect(refusal(() => openReader(tempFolder())).exitCode).toBe(Exit.UNAVAILABLE)
  })
})

describe('the lock on a data folder', () => {
  it('refuses a second process and names the first; after kill -9 the folder is free and no position is assigned twice', async () => {
    const folder = tempFolder()
    const holder = startScript('test/store/holder.ts', [folder])
    await holder.waitFor(/committed [1-9]\d\d/)
    const { message, exitCode } = refusal(() => openStore(folder))
    expect(message).toContain(`process ${holder.pid}`)
    expect(message).toContain(folder)
    expect(exitCode).toBe(Exit.UNAVAILABLE)
    holder.kill('SIGKILL')
    expect(await holder.exit).toBe(137)
    const committed = Number(holder.stdout.trim().split(' ').at(-1))
    const store = openStore(folder)
    expect(store.lastSeq).toBeGreaterThanOrEqual(committed)
    expect(positions(store)).toEqual(Array.from({ length: store.lastSeq }, (_, i) => i + 1))
    expect(store.write(() => append(store))).toBeGreaterThan(committed)
    store.close()
  })

  it('is released when the store is closed, and when it could not be opened', () => {
    const folder = tempFolder()
    openStore(folder).close()
    tamper(folder, `PRAGMA user_version = ${MIGRATIONS.length + 1}`)
    refusal(() => openStore(folder))
    tamper(folder, `PRAGMA user_version = ${MIGRATIONS.length}`)
    openStore(folder).close()
  })
})

/** A database as the Tidegate of this schema version left it, with a reading in it. */
function makeVersion(folder: string, version: number): void {
  const database = connect(folder)
  database.pragma('journal_mode = WAL')
  for (const step of MIGRATIONS.slice(0, version)) database.exec(step)
  if (version > 0) {
    database.pragma(`application_id = ${APPLICATION_ID}`)
    database.pragma(`user_version = ${version}`)
    database.exec(`INSERT INTO devices (id, name, received, stored) VALUES (1, 'press', 1, 1);
      INSERT INTO series (id, device, metric, unit, type) VALUES (1, 1, 'force', 'N', 'number');
      INSERT INTO log (seq, series, ts, value, quality, reasons, received_at) VALUES (7, 1, 1000, 0.1, 1, 0, 1000)`)
  }
  database.close()
}

function schemaOf(folder: string): unknown {
  const database = connect(folder)
  const schema = database.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name').all()
  const version = database.pragma('user_version', { simple: true })
  database.close()
  return { schema, version }
}

describe('the migrations', () => {
  it('bring a database of every earlier version to the schema of a fresh one, with all its content', () => {
    const fresh = tempFolder()
    openStore(fresh).close()
    for (let version = 0; version <= MIGRATIONS.length; version++) {
      const folder = tempFolder()
      makeVersion(folder, version)
      const store = openStore(folder)
      expect(positions(store)).toEqual(version === 0 ? [] : [7])
      appendMany(store, 1, { unit: 'N' })
      expect(store.intake.catalog.seriesCount).toBe(1)
      store.close()
      expect(schemaOf(folder)).toEqual(schemaOf(fresh))
    }
  })
})
