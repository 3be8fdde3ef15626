import { globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { StoredReading } from '../../src/base/reading.ts'
import { ARCHIVE_ROWS_MAX, archive } from '../../src/export/archive.ts'
import { tempFolder } from '../../support/folder.ts'
import { series } from '../codec/readings.ts'
import { ask } from './duckdb.ts'

const MIDNIGHT = Date.UTC(2026, 1, 1)
/** Forty readings, one per minute, twenty of them before midnight. */
const readings = series(Array.from({ length: 40 }, (_, i) => i)).map((one, i): StoredReading => {
  return { ...one, ts: MIDNIGHT + (i - 20) * 60_000, seq: 100 + i }
})
const files = (folder: string): string[] => globSync('**/*', { cwd: folder }).sort()

describe('archive', () => {
  it('adds one file per UTC day, named after its positions, in which DuckDB finds the readings', async () => {
    const folder = tempFolder()
    const paths = archive(folder, readings)
    expect(files(folder)).toEqual([
      'date=2026-01-31',
      expect.stringMatching(/^date=2026-01-31\/archive-100-119-[0-9a-f]{12}\.parquet$/),
      'date=2026-02-01',
      expect.stringMatching(/^date=2026-02-01\/archive-120-139-[0-9a-f]{12}\.parquet$/),
    ])
    expect(paths.map((path) => basename(path))).toEqual(files(folder).flatMap((one) => one.split('/')[1] ?? []))
    const more = series([7]).map((one) => ({ ...one, ts: MIDNIGHT, seq: 140 }))
    archive(folder, more)
    const rows = await ask(`SELECT date::VARCHAR AS date, count(*) AS count, sum(value) AS sum
      FROM read_parquet('${folder}/**/*.parquet', hive_partitioning = true) GROUP BY ALL ORDER BY ALL`)
    expect(rows).toEqual([
      { date: '2026-01-31', count: 20n, sum: 190 },
      { date: '2026-02-01', count: 21n, sum: 597 },
    ])
  })

  it('replaces its files when it gets the same readings again, in another order or with other verdicts', async () => {
    const folder = tempFolder()
    const [first] = archive(folder, readings)
    const before = { names: files(folder), bytes: readFileSync(first!) }
    archive(folder, readings.toReversed())
    expect({ names: files(folder), bytes: readFileSync(first!) }).toEqual(before)
    archive(
      folder,
      readings.map((one) => ({ ...one, quality: 4 })),
    )
    expect(files(folder)).toEqual(before.names)
    expect(await ask(`SELECT DISTINCT quality FROM '${first}'`)).toEqual([{ quality: 4 }])
  })

  it('never replaces other readings with the same positions, which a restored database can have', () => {
    const folder = tempFolder()
    const before = archive(folder, readings)
    archive(
      folder,
      readings.map((one) => ({ ...one, value: 1 })),
    )
    expect(globSync('**/*.parquet', { cwd: folder })).toHaveLength(4)
    expect(before.every((path) => readFileSync(path).length > 0)).toBe(true)
  })

  it('makes no file without readings, and throws beyond the limit of readings per call', () => {
    const folder = tempFolder()
    expect(archive(folder, [])).toEqual([])
    expect(files(folder)).toEqual([])
    expect(() => archive(folder, Array(ARCHIVE_ROWS_MAX + 1).fill(readings[0]))).toThrow('archived at once')
  })
})
