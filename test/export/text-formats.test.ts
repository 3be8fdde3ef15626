import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Reason } from '../../src/base/flags.ts'
import type { Quality, StoredReading, Value } from '../../src/base/reading.ts'
import { CsvEncoder } from '../../src/export/csv.ts'
import type { Encoder } from '../../src/export/encoder.ts'
import { NdjsonEncoder } from '../../src/export/ndjson.ts'
import { tempFolder } from '../../support/folder.ts'
import { series, someReadings } from '../codec/readings.ts'
import { ask } from './duckdb.ts'

function textOf(encoder: Encoder, readings: readonly StoredReading[]): string {
  const half = readings.length >> 1
  const parts = [readings.slice(0, half), readings.slice(half)].flatMap((part) => [...encoder.encode(part)])
  return Buffer.concat([...parts, ...encoder.end()]).toString()
}

/** Reads CSV by RFC 4180, independently of the writer. */
function rows(csv: string): string[][] {
  const found: string[][] = [[]]
  for (const [, quoted, plain, end] of csv.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\n|$)/gy)) {
    found.at(-1)!.push(quoted?.replaceAll('""', '"') ?? plain!)
    if (end === '\n') found.push([])
    if (end === '') break
  }
  expect(found.pop()).toEqual([''])
  return found
}

/** The value that `value` and `type` mean according to the documentation. */
function parsedValue(value: string, type: string): Value {
  switch (type) {
    case 'number':
      return Number(value)
    case 'boolean':
      return value === 'true'
    case 'text':
      return value
    case 'bytes':
      return new Uint8Array(Buffer.from(value, 'base64'))
    default:
      expect([type, value]).toEqual(['missing', ''])
      return null
  }
}

function reasonsOf(names: string): number {
  const bit = (name: string): number => Reason[name as keyof typeof Reason] ?? 1 << Number(name.slice('BIT_'.length))
  return names === '' ? 0 : names.split(' ').reduce((all, name) => all | bit(name), 0) >>> 0
}

function readCsv(csv: string): StoredReading[] {
  const [head, ...rest] = rows(csv)
  expect(head).toEqual(['device', 'metric', 'unit', 'ts', 'value', 'type', 'quality', 'reasons', 'seq'])
  return rest.map(([device, metric, unit, ts, value, type, quality, reasons, seq]) => ({
    device: device!,
    metric: metric!,
    unit: unit === '' ? undefined : unit,
    ts: Date.parse(ts!),
    value: parsedValue(value!, type!),
    quality: Number(quality) as Quality,
    reasons: reasonsOf(reasons!),
    seq: Number(seq),
  }))
}

function readNdjson(text: string): StoredReading[] {
  const lines = text.split('\n')
  expect(lines.pop()).toBe('')
  return lines.map((line) => {
    const { unit, ts, value, type, reasons, ...rest } = JSON.parse(line)
    return {
      ...rest,
      unit: unit ?? undefined,
      ts: Date.parse(ts),
      value: type === 'bytes' || typeof value === 'string' ? parsedValue(value, type) : value,
      reasons: reasonsOf(reasons),
    }
  })
}

/** Readings as the store has them: an empty unit is undefined. */
const stored = someReadings.map((all) => all.map((one) => ({ ...one, unit: one.unit === '' ? undefined : one.unit })))
const hard: Value[] = [
  ...[-0, 0, 5e-324, -5e-324, 1.7976931348623157e308, 0.1 + 0.2, 1e21, 2 ** 53, Infinity, -Infinity],
  ...[
    true,
    false,
    'true',
    '1',
    '',
    ' x ',
    'a,b',
    '"',
    'a"b\r\nc\n',
    '\r',
    'a\rb',
    'Grüße 🌡',
    'Infinity',
    'null',
    '=1+1',
  ],
  ...[new Uint8Array([]), new Uint8Array([0, 255]), new Uint8Array([1, 2, 3]).subarray(1), null],
]

describe.each([
  ['CSV', () => new CsvEncoder(), readCsv],
  ['NDJSON', () => new NdjsonEncoder(), readNdjson],
] as const)('%s', (_, encoder, read) => {
  it('is read as the same readings, with every kind of value distinguished', () => {
    expect(read(textOf(encoder(), series(hard)))).toEqual(series(hard))
    expect(Object.is(read(textOf(encoder(), series([-0])))[0]!.value, -0)).toBe(true)
    fc.assert(
      fc.property(stored, (readings) => {
        expect(read(textOf(encoder(), readings))).toEqual(readings)
      }),
      { numRuns: 50 },
    )
  })

  it('of no readings is a valid file', () => {
    expect(read(textOf(encoder(), []))).toEqual([])
  })
})

describe('DuckDB', () => {
  const readings = series(hard)

  it('reads the CSV', async () => {
    const file = join(tempFolder(), 'some.csv')
    writeFileSync(file, textOf(new CsvEncoder(), readings))
    const sql = `SELECT value, ts::TIMESTAMP = make_timestamp(1750000000000000) AS begun FROM read_csv('${file}', all_varchar = true)`
    const rows = await ask(`${sql} WHERE type = 'text' OR seq = '1' ORDER BY seq::INT`)
    expect(rows.map(({ value }) => value ?? '')).toEqual(['-0', ...hard.filter((one) => typeof one === 'string')])
    expect(rows[0]!.begun).toBe(true)
  })

  it('reads the NDJSON', async () => {
    const file = join(tempFolder(), 'some.ndjson')
    writeFileSync(file, textOf(new NdjsonEncoder(), readings))
    const sql = `SELECT count(*) AS rows, sum(try_cast(value AS DOUBLE)) FILTER (type = 'number' AND seq IN (6, 7)) AS sum`
    expect(await ask(`${sql} FROM read_json('${file}')`)).toEqual([
      { rows: BigInt(readings.length), sum: 0.1 + 0.2 + 1e21 },
    ])
  })
})
