import { existsSync, globSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { StoredReading } from '../../src/base/reading.ts'
import { DayFolder } from '../../src/export/day-folder.ts'
import { type ExportProgress, exportDays, exportFile } from '../../src/export/export.ts'
import type { ExportFormat } from '../../src/export/format.ts'
import type { ExportSeries, ReadingSource } from '../../src/export/source.ts'
import { FileTarget } from '../../src/export/target.ts'
import { tempFolder } from '../../support/folder.ts'
import { series } from '../codec/readings.ts'
import { ask } from './duckdb.ts'
import { ArraySource } from './source.ts'

const ALL = { from: 0, to: Number.MAX_SAFE_INTEGER }
const MIDNIGHT = Date.UTC(2026, 0, 31)
const HOUR_MS = 3_600_000

/** One reading per hour and device over three UTC days; the second device has none on the second day. */
const threeDays = Array.from({ length: 72 }, (_, hour): StoredReading[] => {
  const reading = { ...series([hour])[0]!, ts: MIDNIGHT + hour * HOUR_MS, seq: 2 * hour + 1 }
  const other = { ...reading, device: 'press-2', unit: undefined, value: -hour, seq: reading.seq + 1 }
  return hour >= 24 && hour < 48 ? [reading] : [reading, other]
}).flat()

function jobOf(source: ArraySource, format: ExportFormat) {
  return { source, series: source.series(), interval: ALL, format, now: MIDNIGHT + 72 * HOUR_MS }
}

async function toFile(source: ArraySource, format: ExportFormat, given = {}): Promise<string> {
  const file = join(tempFolder(), `some.${format}`)
  await exportFile({ ...jobOf(source, format), ...given }, () => FileTarget.open(file, false))
  return file
}

describe('an export into one file', () => {
  it('writes series by series in the order of time, only within the interval, whose end is exclusive', async () => {
    const file = await toFile(new ArraySource(threeDays, 7), 'parquet')
    const rows = await ask(`SELECT device, epoch_ms(ts) AS ts FROM '${file}' ORDER BY file_row_number`)
    const expected = ['press-1', 'press-2'].flatMap((device) => threeDays.filter((one) => one.device === device))
    expect(rows).toEqual(expected.map(({ device, ts }) => ({ device, ts: BigInt(ts) })))

    const interval = { from: MIDNIGHT + HOUR_MS, to: MIDNIGHT + 3 * HOUR_MS }
    const part = await toFile(new ArraySource(threeDays, 7), 'csv', { interval })
    const values = await ask(`SELECT array_agg(value::DOUBLE ORDER BY seq) AS found FROM '${part}'`)
    expect(values[0]!.found).toMatchObject({ items: [1, -1, 2, -2] })
  })

  it('writes the first row groups to the file before it has read the later readings', async () => {
    const file = join(tempFolder(), 'some.parquet')
    const partialBytes = (): number =>
      globSync(`${file.replace('some', '.some')}.*`).reduce((sum, one) => sum + statSync(one).size, 0)
    const sizes: number[] = []
    const page = series(Array.from({ length: 500 }, Math.random))
    const source: ReadingSource = {
      first: () => page[0]!.ts,
      *pages() {
        for (let i = 0; i < 12; i++) {
          sizes.push(partialBytes())
          yield page
        }
      },
    }
    const given = { ...jobOf(new ArraySource(page), 'parquet'), source, rowGroups: { rowsMax: 2_000 } }
    const done = await exportFile(given, () => FileTarget.open(file, false))
    const [first, second] = [sizes[4]!, sizes[8]!]
    expect(first).toBeGreaterThan(0)
    expect(second).toBeGreaterThan(first)
    expect(sizes).toEqual([0, first, second].flatMap((size) => Array(4).fill(size)))
    expect(done).toMatchObject({ readings: 6_000, bytes: statSync(file).size })
  })

  it('leaves no file when it is interrupted or its source fails', async () => {
    const failing = new (class extends ArraySource {
      override *pages(series: ExportSeries, interval: typeof ALL) {
        yield* super.pages(series, interval)
        throw new Error('the disk is gone')
      }
    })(threeDays)
    const folder = tempFolder()
    for (const format of ['csv', 'ndjson', 'parquet'] as const) {
      const open = () => FileTarget.open(join(folder, `some.${format}`), false)
      await expect(exportFile(jobOf(failing, format), open)).rejects.toThrow('the disk is gone')
      const stop = new AbortController()
      const given = { signal: stop.signal, onProgress: () => stop.abort(new Error('stopped')) }
      const source = new ArraySource(threeDays, 5)
      await expect(exportFile({ ...jobOf(source, format), ...given }, open)).rejects.toThrow('stopped')
    }
    expect(readdirSync(folder)).toEqual([])
  })

  it('can be interrupted even when its reading and writing never wait', async () => {
    const stop = new AbortController()
    const page = series([1, 2, 3])
    const source: ReadingSource = {
      first: () => page[0]!.ts,
      *pages() {
        setImmediate(() => stop.abort(new Error('stopped')))
        for (let i = 0; i < 100_000; i++) yield page
      },
    }
    const given = { ...jobOf(new ArraySource(page), 'csv'), source, signal: stop.signal }
    const folder = tempFolder()
    await expect(exportFile(given, () => FileTarget.open(join(folder, 'some.csv'), false))).rejects.toThrow('stopped')
    expect(readdirSync(folder)).toEqual([])
  })

  it('reports its progress, which never decreases', async () => {
    const reported: ExportProgress[] = []
    await toFile(new ArraySource(threeDays, 6), 'csv', {
      onProgress: (progress: ExportProgress) => reported.push(progress),
    })
    const shares = reported.map(({ share }) => share)
    expect(shares).toEqual(shares.toSorted((a, b) => a - b))
    // 24 of the 72 hours of the first of two series: 23 / 72 of the time, times one half for the series.
    expect(reported[3]).toMatchObject({ readings: 24, share: expect.closeTo(23 / 72 / 2, 5) })
    expect(reported.at(-1)).toMatchObject({ readings: threeDays.length })
  })

  it('is refused and leaves no file when it does not fit into one file', async () => {
    const folder = tempFolder()
    const given = { ...jobOf(new ArraySource(threeDays, 10), 'parquet'), rowGroups: { rowsMax: 10, groupsMax: 6 } }
    const open = () => FileTarget.open(join(folder, 'some.parquet'), false)
    await expect(exportFile(given, open)).rejects.toMatchObject({ remedy: expect.stringContaining('--partition day') })
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('an export by days', () => {
  it('writes a folder of UTC days that DuckDB reads as one table with a date column', async () => {
    const folder = tempFolder()
    const done = await exportDays(
      jobOf(new ArraySource(threeDays, 7), 'parquet'),
      new DayFolder(folder, 'parquet', false),
    )
    expect(done).toMatchObject({ readings: threeDays.length, files: 3, share: 1 })
    const rows = await ask(`SELECT date::VARCHAR AS date, device, count(*) AS count, sum(value) AS sum
      FROM read_parquet('${folder}/**/*.parquet', hive_partitioning = true) GROUP BY ALL ORDER BY ALL`)
    expect(rows).toEqual([
      { date: '2026-01-31', device: 'press-1', count: 24n, sum: 276 },
      { date: '2026-01-31', device: 'press-2', count: 24n, sum: -276 },
      { date: '2026-02-01', device: 'press-1', count: 24n, sum: 852 },
      { date: '2026-02-02', device: 'press-1', count: 24n, sum: 1_428 },
      { date: '2026-02-02', device: 'press-2', count: 24n, sum: -1_428 },
    ])
  })

  it('writes no file for a day without readings, and only the requested part of the first and last day', async () => {
    const folder = tempFolder()
    const source = new ArraySource(threeDays.filter(({ device }) => device === 'press-2'))
    const interval = { from: MIDNIGHT + 22 * HOUR_MS, to: MIDNIGHT + 50 * HOUR_MS }
    await exportDays({ ...jobOf(source, 'csv'), interval }, new DayFolder(folder, 'csv', false))
    expect(readdirSync(folder).sort()).toEqual(['date=2026-01-31', 'date=2026-02-02'])
    const [row] = await ask(`SELECT array_agg(value::DOUBLE ORDER BY seq) AS found FROM '${folder}/*/*.csv'`)
    expect(row!.found).toMatchObject({ items: [-22, -23, -48, -49] })
  })

  it('keeps the complete days when it fails, and nothing of the incomplete one', async () => {
    const folder = tempFolder()
    mkdirSync(join(folder, 'date=2026-02-01'))
    writeFileSync(join(folder, 'date=2026-02-01', 'part-0.ndjson'), '')
    const source = new ArraySource(threeDays)
    await expect(exportDays(jobOf(source, 'ndjson'), new DayFolder(folder, 'ndjson', false))).rejects.toThrow(
      'not overwritten',
    )
    expect(existsSync(join(folder, 'date=2026-01-31', 'part-0.ndjson'))).toBe(true)
    expect(existsSync(join(folder, 'date=2026-02-02'))).toBe(false)
  })

  it('continues in another part when a file is full, and removes the parts of an export that it replaces', async () => {
    const folder = tempFolder()
    const given = { ...jobOf(new ArraySource(threeDays, 10), 'parquet'), rowGroups: { rowsMax: 10, groupsMax: 2 } }
    const parts = (): string[] => globSync('date=2026-01-31/*', { cwd: folder }).sort()
    expect(await exportDays(given, new DayFolder(folder, 'parquet', false))).toMatchObject({ files: 8 })
    expect(parts()).toEqual([0, 1, 2].map((part) => `date=2026-01-31/part-${part}.parquet`))
    const sql = `SELECT count(*) AS count, count(DISTINCT seq) AS seqs FROM '${folder}/*/*.parquet'`
    const all = [{ count: BigInt(threeDays.length), seqs: BigInt(threeDays.length) }]
    expect(await ask(sql)).toEqual(all)
    await exportDays(jobOf(new ArraySource(threeDays), 'parquet'), new DayFolder(folder, 'parquet', true))
    expect(parts()).toEqual(['date=2026-01-31/part-0.parquet'])
    expect(await ask(sql)).toEqual(all)
  })
})
