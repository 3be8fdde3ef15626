import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { SqlSession } from '../../../src/store/history/sql.ts'
import { connect } from '../stores.ts'
import { Grown } from './grown.ts'

const GOOD = { name: 0, quality: 1, reasons: 0 } as const
const HOUR = 3_600_000

/** Half of its readings are sealed. */
function plant(): Grown {
  const grown = new Grown()
  grown.append([0, 1, 2].map((i) => ({ ...GOOD, ts: i * HOUR, value: i })))
  grown.seal()
  grown.append([
    { name: 1, ts: 2 * HOUR, value: true, quality: 3, reasons: 1 << 6 },
    { name: 0, ts: 1 * HOUR, value: new Uint8Array([0, 255]), quality: 9, reasons: 0 },
  ])
  return grown
}

describe('SQL over history', () => {
  it('finds readings, sealed or not, in order, with their times as numbers and texts', () => {
    const grown = plant()
    const session = new SqlSession(grown.folder, systemClock)
    const rows = (sql: string): unknown => session.run(sql, 100).rows
    expect(rows(`SELECT ts, time, value, quality, reasons, unit, seq FROM readings('press', 'heat')`)).toEqual([
      [0, '1970-01-01T00:00:00.000Z', 0, 1, '', 'Cel', 1],
      [HOUR, '1970-01-01T01:00:00.000Z', 1, 1, '', 'Cel', 2],
      [HOUR, '1970-01-01T01:00:00.000Z', Buffer.from([0, 255]), 9, '', 'Cel', 5],
      [2 * HOUR, '1970-01-01T02:00:00.000Z', 2, 1, '', 'Cel', 3],
      [2 * HOUR, '1970-01-01T02:00:00.000Z', 1, 3, 'SPIKE', '', 4],
    ])
    const seqs = (args: string): unknown =>
      (rows(`SELECT seq FROM readings('press', 'heat'${args})`) as number[][]).flat()
    expect(seqs(`, ${HOUR}, ${2 * HOUR}`)).toEqual([2, 5])
    expect(seqs(`, '1970-01-01T02:00'`)).toEqual([3, 4])
    expect(seqs(`) WHERE (to_ts = '-1d'`)).toEqual([1, 2, 5, 3, 4])
    expect(rows(`SELECT * FROM readings('press', 'none')`)).toEqual([])
    expect(rows(`SELECT typeof(value) FROM readings('press', 'heat')`)).toEqual([
      ['real'],
      ['real'],
      ['blob'],
      ['real'],
      ['integer'],
    ])
    session.close()
    grown.close()
  })

  it('makes buckets, joins the tables of the store, and counts only what the query selects', () => {
    const grown = plant()
    const session = new SqlSession(grown.folder, systemClock)
    const bucket = `SELECT start, unit, readings, numbers, avg, min, max, sum, first, last, good_share, worst`
    expect(session.run(`${bucket} FROM buckets('press', 'heat', 0, 'now', '2h')`, 10).rows).toEqual([
      [0, 'Cel', 3, 2, 0.5, 0, 1, 1, 0, 1, 2 / 3, 1],
      [2 * HOUR, 'Cel', 1, 1, 2, 2, 2, 2, 2, 2, 1, 1],
      [2 * HOUR, '', 1, 0, null, null, null, null, null, null, 0, 3],
    ])
    const joined = `SELECT d.name, sum(b.readings) FROM devices AS d, buckets(d.name, 'heat') AS b WHERE b.every_ms = 86400000`
    expect(session.run(joined, 10)).toEqual({
      columns: ['name', 'sum(b.readings)'],
      rows: [['press', 5]],
      cut: false,
      missing: undefined,
    })
    const some = session.run(`SELECT seq FROM readings('press', 'heat')`, 2)
    expect(some).toEqual({ columns: ['seq'], rows: [[1], [2]], cut: true, missing: undefined })
    expect(session.run(`SELECT seq FROM readings('press', 'heat')`, 5).cut).toBe(false)
    session.close()
    grown.close()
  })

  it('names a device or metric that the store does not know, if there are no rows', () => {
    const grown = plant()
    const session = new SqlSession(grown.folder, systemClock)
    const missing = (sql: string): string | undefined => session.run(sql, 10).missing
    expect(missing(`SELECT * FROM readings('pres', 'heat')`)).toMatch(
      /no readings of device "pres"; did you mean "press"/,
    )
    expect(missing(`SELECT * FROM buckets('press', 'hat', 0, 'now', '1h')`)).toMatch(/metric "hat" of press/)
    expect(missing(`SELECT * FROM readings('press', 'heat', 'now')`)).toBeUndefined()
    expect(missing(`SELECT d.name, r.ts FROM devices AS d LEFT JOIN readings(d.name, 'hat') AS r`)).toBeUndefined()
    session.close()
    grown.close()
  })

  it('leaves BAD readings out of buckets, unless they are asked for', () => {
    const grown = plant()
    grown.append([{ ...GOOD, ts: 2 * HOUR, value: 999, quality: 4 }])
    const session = new SqlSession(grown.folder, systemClock)
    const last = (args: string): unknown =>
      session.run(`SELECT max(max), sum(bad_left_out) FROM buckets('press', 'heat', 0, 'now', '2h'${args})`, 10).rows
    expect(last('')).toEqual([[2, 1]])
    expect(last(', 1')).toEqual([[999, 0]])
    session.close()
    grown.close()
  })

  it.each([
    `DELETE FROM log`,
    `DELETE FROM log RETURNING seq`,
    `INSERT INTO meta VALUES ('a', 1)`,
    `UPDATE series SET unit = ''`,
    `DROP TABLE seals`,
    `CREATE TEMP TABLE x (a)`,
    `ATTACH 'x.db' AS x`,
    `DETACH edge`,
    `VACUUM INTO 'x.db'`,
    `PRAGMA edge.wal_checkpoint(TRUNCATE)`,
    `PRAGMA edge.journal_mode = DELETE`,
    `PRAGMA edge.user_version = 7`,
    `BEGIN`,
    `SELECT 1; DELETE FROM log`,
    `SELECT * FROM readings`,
    `SELECT * FROM readings('press', 'heat', 'soon')`,
    `SELECT * FROM buckets('press', 'heat', 0, 1, 'x')`,
    `SELECT * FROM buckets('press', 'heat')`,
    `SELECT nonsense`,
    ``,
  ])('refuses: %s', (sql) => {
    const grown = plant()
    const session = new SqlSession(grown.folder, systemClock)
    const refusal = expect.objectContaining({ name: 'OperatorError', remedy: expect.stringMatching(/./) })
    expect(() => session.run(sql, 10)).toThrow(refusal)
    expect(session.run('SELECT count(*) FROM log', 10).rows).toEqual([[2]])
    session.close()
    grown.close()
  })

  it('holds no transaction on the store while it reads', () => {
    const grown = plant()
    const session = new SqlSession(grown.folder, systemClock)
    const writer = connect(grown.folder)
    writer.pragma('busy_timeout = 20')
    const isHeld = (sql: string): boolean => {
      const rows = session.rows(sql)
      expect(rows.next().done).toBe(false)
      grown.append([{ ...GOOD, ts: 9 * HOUR, value: 9 }])
      const [answer] = writer.pragma('wal_checkpoint(TRUNCATE)') as [{ readonly busy: number }]
      rows.return?.()
      return answer.busy === 1
    }
    expect(isHeld(`SELECT * FROM readings('press', 'heat')`)).toBe(false)
    expect(isHeld(`SELECT * FROM buckets('press', 'heat') WHERE every_ms = '1h'`)).toBe(false)
    expect(isHeld(`SELECT * FROM devices, readings('press', 'heat')`)).toBe(true)
    writer.close()
    session.close()
    grown.close()
  })
})
