import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBBlobValue } from '@duckdb/node-api'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Quality, StoredReading, Value } from '../../src/base/reading.ts'
import { ParquetEncoder, type RowGroupLimits } from '../../src/export/parquet.ts'
import { tempFolder } from '../../support/folder.ts'
import { series, someReadings } from '../codec/readings.ts'
import { ask } from './duckdb.ts'

const file = join(tempFolder(), 'some.parquet')

function write(readings: readonly StoredReading[], limits?: Partial<RowGroupLimits>): void {
  const encoder = new ParquetEncoder(limits)
  writeFileSync(file, Buffer.concat([...encoder.encode(readings), ...encoder.end()]))
}

/** The readings that DuckDB finds in the file, in the order of the file. */
async function read(): Promise<StoredReading[]> {
  const rows = await ask(`SELECT * REPLACE (epoch_ms(ts) AS ts) FROM '${file}' ORDER BY file_row_number`)
  return rows.map(({ device, metric, unit, ts, seq, value, bool, text, bytes, quality, reasons }) => {
    const values = [value, bool, text, bytes].filter((one) => one !== null)
    expect(values.length).toBeLessThan(2)
    const [one = null] = values
    return {
      device: device as string,
      metric: metric as string,
      unit: (unit ?? undefined) as string | undefined,
      ts: Number(ts),
      seq: Number(seq),
      quality: quality as Quality,
      reasons: Number(reasons),
      value: one instanceof DuckDBBlobValue ? new Uint8Array(one.bytes) : (one as Value),
    }
  })
}

const hard: Value[] = [
  ...[0, -0, 5e-324, -5e-324, 1.7976931348623157e308, 0.1 + 0.2, 2 ** 53, Infinity, -Infinity],
  ...[true, false, '', 'a"b\r\nc\n', 'a\0b', 'Grüße 🌡', new Uint8Array([]), new Uint8Array([0, 255]), null],
]

describe('Parquet', () => {
  it('has typed columns, with the time in UTC milliseconds and one column per kind of value', async () => {
    write(series(hard))
    const columns = await ask(`SELECT column_name AS name, column_type AS type FROM (DESCRIBE SELECT * FROM '${file}')`)
    expect(Object.fromEntries(columns.map(({ name, type }) => [name, type]))).toEqual({
      device: 'VARCHAR',
      metric: 'VARCHAR',
      unit: 'VARCHAR',
      ts: 'TIMESTAMP WITH TIME ZONE',
      seq: 'BIGINT',
      value: 'DOUBLE',
      bool: 'BOOLEAN',
      text: 'VARCHAR',
      bytes: 'BLOB',
      quality: 'INTEGER',
      reasons: 'BIGINT',
    })
    const [ts] = await ask(`SELECT converted_type, logical_type FROM parquet_schema('${file}') WHERE name = 'ts'`)
    expect(ts).toEqual({
      converted_type: 'TIMESTAMP_MILLIS',
      logical_type: expect.stringMatching(/isAdjustedToUTC=1.*MILLIS/),
    })
  })

  it('is read by DuckDB as the same readings, bit for bit', async () => {
    write(series(hard))
    expect(await read()).toEqual(series(hard))
    // Many zeros of both signs, which a dictionary would combine into one entry.
    const zeros = series(Array.from({ length: 5_000 }, (_, i) => (i % 3 === 0 ? -0 : 0)))
    write(zeros)
    expect((await read()).filter(({ value }) => Object.is(value, -0)).length).toBe(1_667)
    await fc.assert(
      fc.asyncProperty(someReadings, async (readings) => {
        write(readings, { rowsMax: 50 })
        expect(await read()).toEqual(readings)
      }),
      { numRuns: 30 },
    )
  })

  it('of no readings is a valid file with all columns', async () => {
    write([])
    expect(await read()).toEqual([])
  })

  it('returns each row group as soon as it has its maximum of readings or of bytes', () => {
    const byRows = new ParquetEncoder({ rowsMax: 100 })
    expect([...byRows.encode(series(Array(99).fill(1)))]).toEqual([])
    expect([...byRows.encode(series(Array(101).fill(1)))]).toHaveLength(2)
    const byBytes = new ParquetEncoder({ payloadBytesMax: 1_000 })
    expect([...byBytes.encode(series(['x'.repeat(999)]))]).toEqual([])
    expect([...byBytes.encode(series([new Uint8Array(1)]))]).toHaveLength(1)
  })

  it('has the statistics of each row group in its footer, so that readers can skip it', async () => {
    write(series(Array.from({ length: 300 }, (_, i) => i)), { rowsMax: 100 })
    const groups = await ask(`SELECT row_group_num_rows AS rows, stats_min_value AS min, stats_max_value AS max
      FROM parquet_metadata('${file}') WHERE path_in_schema = 'value' ORDER BY row_group_id`)
    expect(groups).toEqual([
      { rows: 100n, min: '-0.0', max: '99.0' },
      { rows: 100n, min: '100.0', max: '199.0' },
      { rows: 100n, min: '200.0', max: '299.0' },
    ])
  })

  it('is full when it has its maximum of row groups', () => {
    const encoder = new ParquetEncoder({ rowsMax: 10, groupsMax: 3 })
    const full = [1, 2, 3].map(() => [...encoder.encode(series(Array(10).fill(1)))].length > 0 && encoder.isFull)
    expect(full).toEqual([false, false, true])
  })
})
