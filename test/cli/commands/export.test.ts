import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Value } from '../../../src/base/reading.ts'
import { tempFolder } from '../../../support/folder.ts'
import { ROOT, runProcess, runTidegate, startTidegate } from '../../../support/process.ts'
import { until } from '../../../support/wait.ts'
import { ask } from '../../export/duckdb.ts'
import { append, openStore, type Row } from '../../store/stores.ts'

const BEGIN = Date.UTC(2026, 0, 31, 12)
const MINUTE_MS = 60_000
const COUNT = 3_000

/** One series of each type, one metric in two units; readings of three days, one a minute in turn, some out of order. */
const SERIES: readonly ((i: number) => Row & { readonly value: Value })[] = [
  (i) => ({ device: 'press-1', metric: 'heat', unit: 'Cel', value: Math.round(Math.sin(i) * 1e4) / 100 }),
  (i) => ({ device: 'press-1', metric: 'heat', value: i / 7 }),
  (i) => ({ device: 'press-1', metric: 'open', value: i % 3 === 0 }),
  (i) => ({ device: 'mill "2"', metric: 'state', value: i % 5 === 0 ? null : `Stück, ${i}\n` }),
  (i) => ({ device: 'mill "2"', metric: 'frame', value: new Uint8Array([i & 255, 0, i >> 8]) }),
]

/** All stored readings, by position. */
const rows = Array.from({ length: COUNT }, (_, i) => {
  const ts = BEGIN + (i % 17 === 0 ? i - 30 : i) * MINUTE_MS
  return { unit: '', ...SERIES[i % SERIES.length]!(i), ts, seq: i + 1, quality: i === 9 ? 4 : 1 }
})

const data = tempFolder()
/** Stays open, so that every export runs with a writer. Most readings are sealed, the newest are in the log. */
const store = openStore(data, { uplinks: [], sealRows: 256 })

beforeAll(() => {
  store.write(() => {
    for (const row of rows) append(store, { ...row, quality: 1 })
  })
  while (store.runHousekeeping({ now: BEGIN, busy: false }));
  store.write(() => store.amend([{ series: 5, seq: 10, quality: 4, reasons: 64 }]))
  expect([...store.readFrom(1)].length).toBe(COUNT)
  return () => store.close()
})

function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return runTidegate(['export', '--data', data, ...args])
}

interface Named {
  readonly device?: unknown
  readonly metric?: unknown
  readonly unit?: unknown
}

function nameOf({ device, metric, unit }: Named): string {
  return JSON.stringify([device, metric, unit || null])
}

function byName(a: Named, b: Named): number {
  return nameOf(a) < nameOf(b) ? -1 : 1
}

/** The expected sum, count and other figures of each series. */
function expected() {
  const names = [...new Set(rows.map(nameOf))].sort()
  return names.map((name) => {
    const own = rows.filter((row) => nameOf(row) === name)
    const { device, metric, unit } = own[0]!
    const numbers = own.flatMap(({ value }) => (typeof value === 'number' ? [value] : []))
    const count = (holds: (row: (typeof rows)[number]) => number | boolean): bigint =>
      BigInt(own.reduce((sum, row) => sum + Number(holds(row)), 0))
    return {
      device,
      metric,
      unit: unit === '' ? null : unit,
      count: BigInt(own.length),
      sum:
        numbers.length === 0
          ? null
          : expect.closeTo(
              numbers.reduce((a, b) => a + b),
              6,
            ),
      min: numbers.length === 0 ? null : Math.min(...numbers),
      max: numbers.length === 0 ? null : Math.max(...numbers),
      begin: BigInt(Math.min(...own.map(({ ts }) => ts))),
      trues: count(({ value }) => value === true),
      letters: count(({ value }) => typeof value === 'string' && value.length),
      bytes: count(({ value }) => value instanceof Uint8Array && value.length),
      missing: count(({ value }) => value === null),
      bad: count(({ quality }) => quality === 4),
    }
  })
}

const SUMS = `SELECT device, metric, unit, count(*) AS count, sum(value) AS sum, min(value) AS min, max(value) AS max,
  min(epoch_ms(ts)) AS begin, count(*) FILTER (bool) AS trues, coalesce(sum(length(text)), 0)::BIGINT AS letters,
  coalesce(sum(octet_length(bytes)), 0)::BIGINT AS bytes, count(*) FILTER (coalesce(value::TEXT, bool::TEXT, text, bytes::TEXT) IS NULL) AS missing,
  count(*) FILTER (quality = 4) AS bad`

async function sums(from: string) {
  return (await ask(`${SUMS} FROM ${from} GROUP BY ALL`)).sort(byName)
}

describe('tidegate export', () => {
  it('writes a Parquet file in which DuckDB finds all stored readings, sealed or not, of every type', async () => {
    const file = join(tempFolder(), 'all.parquet')
    expect(await run('--format', 'parquet', '-o', file)).toMatchObject({ code: 0, stdout: '' })
    expect(await sums(`'${file}'`)).toEqual(expected())
  })

  it('writes to standard output if the file is named -, and no file', async () => {
    const [named, unnamed] = await Promise.all([run('--format', 'csv', '-o', '-'), run('--format', 'csv')])
    expect(named.code).toBe(0)
    expect(named.stdout).toBe(unnamed.stdout)
    expect(existsSync('-')).toBe(false)
    expect(await run('--format', 'parquet', '-o', '-')).toMatchObject({ code: 64, stdout: '' })
    expect(await run('--format', 'csv', '--partition', 'day', '-o', '-')).toMatchObject({ code: 64, stdout: '' })
  })

  it('writes a folder partitioned by day in which DuckDB finds the same readings', async () => {
    const folder = join(tempFolder(), 'lake')
    expect((await run('--format', 'parquet', '--partition', 'day', '-o', folder)).code).toBe(0)
    expect(readdirSync(folder).sort()).toEqual(['date=2026-01-31', 'date=2026-02-01', 'date=2026-02-02'])
    const all = `read_parquet('${folder}/**/*.parquet', hive_partitioning = true)`
    expect(await sums(all)).toEqual(expected())
    expect(await ask(`SELECT count(*) AS wrong FROM ${all} WHERE date <> (ts AT TIME ZONE 'UTC')::DATE`)).toEqual([
      { wrong: 0n },
    ])
  })

  it('writes CSV and NDJSON of the requested devices, metrics and time to standard output', async () => {
    const [from, to] = [BEGIN + 600 * MINUTE_MS, BEGIN + 1_200 * MINUTE_MS]
    const times = ['--from', '2026-01-31T22:00', '--to', '2026-02-01T10:00:00+02:00']
    const meant = rows.filter((row) => row.ts >= from && row.ts < to && row.device === 'press-1')
    const csv = await run('--format', 'csv', '--device', 'press-*', ...times)
    const lines = csv.stdout.trimEnd().split('\n').slice(1)
    expect(lines.map((line) => Number(line.split(',').at(-1))).sort((a, b) => a - b)).toEqual(
      meant.map(({ seq }) => seq),
    )

    const open = await run('--format', 'ndjson', '--metric', 'open', ...times)
    const found = open.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(found.sort((a, b) => a.seq - b.seq).map(({ value }) => value)).toEqual(
      meant.filter(({ metric }) => metric === 'open').map(({ value }) => value),
    )
  })

  it('exits with 0 when its reader closes the pipe', async () => {
    const command = `"${process.execPath}" src/main.ts export --data "${data}" --format csv; echo "code $?" >&2`
    const { stdout, stderr } = await runProcess('sh', ['-c', `(${command}) | head -n 1`], { cwd: ROOT })
    expect(stdout).toBe('device,metric,unit,ts,value,type,quality,reasons,seq\n')
    expect(stderr).toBe('code 0\n')
  })

  it('refuses invalid combinations of options, and refuses to replace a file without --force', async () => {
    const file = join(tempFolder(), 'all.csv')
    writeFileSync(file, 'mine')
    expect(await run('--format', 'csv', '-o', file)).toMatchObject({
      code: 73,
      stderr: expect.stringContaining('--force'),
    })
    expect(readFileSync(file, 'utf8')).toBe('mine')
    expect((await run('--format', 'csv', '-o', file, '--force', '--to', '1980-01-01')).code).toBe(0)
    expect(readFileSync(file, 'utf8')).toBe('device,metric,unit,ts,value,type,quality,reasons,seq\n')
    const [noFile, noFolder, noDevice] = await Promise.all([
      run('--format', 'parquet'),
      run('--format', 'csv', '--partition', 'day'),
      run('--format', 'csv', '--device', 'pres'),
    ])
    expect(noFile).toMatchObject({ code: 64, stdout: '' })
    expect(noFolder).toMatchObject({ code: 64, stdout: '' })
    expect(noDevice).toMatchObject({ code: 1, stdout: '' })
  })

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'leaves a complete file or no file under the name when it is ended by %s',
    async (signal) => {
      const folder = tempFolder()
      const exporting = startTidegate([
        'export',
        '--data',
        data,
        '--format',
        'parquet',
        '-o',
        join(folder, 'all.parquet'),
      ])
      await until(() => readdirSync(folder).length > 0 || exporting.ended)
      exporting.kill(signal)
      const code = await exporting.exit
      if (existsSync(join(folder, 'all.parquet'))) expect(await sums(`'${folder}/all.parquet'`)).toEqual(expected())
      else {
        expect(code).not.toBe(0)
        if (signal === 'SIGTERM') expect(readdirSync(folder)).toEqual([])
      }
    },
  )
})
