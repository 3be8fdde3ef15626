import { Exit, OperatorError } from '../../../base/errors.ts'
import { base64, numberJson, numberText } from '../../../base/reading-text.ts'
import { oneLine } from '../../../base/text/one-line.ts'
import type { SqlResult, SqlValue } from '../../../store/history/sql.ts'
import { command, shared } from '../../command.ts'
import { dataFolder, storeOptions } from '../../data-folder.ts'
import { stopSignals } from '../../stop-signals.ts'
import { type Cell, textTable } from '../../table.ts'
import { durationOption } from '../../time.ts'

/** Maximum rows of a result. All are in memory before the first is printed, so a slow reader does not hold a transaction open. */
const ROWS_MAX = 100_000
const ROWS = 1_000
const TEXT_CHARS_MAX = 60

export const sql = command({
  name: 'sql',
  summary: 'Query the store with SQL, read-only',
  notes: [
    "readings('DEVICE', 'METRIC', FROM_TS, TO_TS) returns all readings, sealed or not, with the columns ts (UTC milliseconds), time, value, quality, reasons, unit and seq.",
    "buckets('DEVICE', 'METRIC', FROM_TS, TO_TS, EVERY_MS, INCLUDE_BAD) returns one row per interval, with start, time, unit, readings, numbers, avg, min, max, sum, first, last, good_share, worst and bad_left_out. The values leave BAD readings out, unless INCLUDE_BAD is 1.",
    "Times are UTC milliseconds, or texts such as '2026-01-31T08:00:00Z', '-24h' and 'now'. EVERY_MS is in milliseconds, or a text such as '1h'. FROM_TS and TO_TS may be omitted: `buckets('press-1', 'temperature') WHERE every_ms = '1h'`. Both can be joined: `devices AS d, readings(d.name, 'heat')`.",
    "The store's own tables (devices, series, rejects, seals and others) can be queried as well. Do not rely on the tables log and blocks: they hold readings in the storage format, which may change, and leftover rows.",
    "The statement must be a single one that only reads. It runs in a process with low priority, which is killed after --timeout. While a statement on the store's own tables runs, the WAL of a running edge cannot be reset and grows.",
  ],
  options: {
    ...storeOptions,
    limit: { kind: 'number', value: 'N', help: 'Maximum number of rows', fallback: ROWS, min: 1, max: ROWS_MAX },
    timeout: { kind: 'text', value: 'DURATION', help: 'Kill the statement after this time', fallback: '60s' },
    csv: { kind: 'flag', help: 'Print CSV' },
    json: shared.json,
  },
  operands: { value: 'STATEMENT', help: 'One SELECT, in quotes', min: 1, max: 1 },
  examples: [
    `sql "SELECT ts, value FROM readings('press-1', 'temperature', '-1h') WHERE quality > 2" -s examples/edge.yaml`,
    `sql "SELECT time, avg FROM buckets('press-1', 'temperature', '-7d', 'now', '1h')" -s examples/edge.yaml --csv`,
    'sql "SELECT reason, count(*) FROM rejects GROUP BY reason" --data examples/data/plant-7',
  ],
  async run({ values, operands: [statement = ''], output, env }) {
    const { csv, json, limit } = values
    if (csv && json) throw bothFormats()
    const timeoutMs = durationOption('timeout', values.timeout)
    const folder = await dataFolder(values, env)
    const { runStatement } = await import('./statement.ts')
    const stop = stopSignals('the statement', 'run it again; the store is unchanged')
    try {
      const request = { folder, sql: statement, rowsMax: limit }
      const result = await runStatement(request, { timeoutMs, signal: stop.signal })
      if (csv) output.data(await csvText(result))
      else if (json) output.print(jsonText(result))
      else output.print(textTable(result.columns, result.rows.map(cells)))
      if (result.missing !== undefined) output.note(`${result.missing} (\`tidegate devices\` lists all)`)
      if (result.cut)
        output.note(`there are more rows than these ${result.rows.length}: narrow the statement, or raise --limit`)
      return Exit.OK
    } finally {
      stop.forget()
    }
  },
})

function bothFormats(): OperatorError {
  return new OperatorError('sql: --csv and --json cannot be combined', {
    remedy: 'use one of them',
    exitCode: Exit.USAGE,
  })
}

function cells(row: readonly SqlValue[]): Cell[] {
  return row.map((value) => {
    if (typeof value === 'number' && !Object.is(value, -0)) return value
    return oneLine(
      value instanceof Uint8Array ? `x'${Buffer.from(value).toString('hex')}'` : text(value),
      TEXT_CHARS_MAX,
    )
  })
}

async function csvText({ columns, rows }: SqlResult): Promise<string> {
  const { csvField } = await import('../../../export/csv.ts')
  return [columns, ...rows.map((row) => row.map(text))].map((line) => line.map(csvField).join(',')).join('\n')
}

/** A list of objects; bytes are base64, and integers outside the safe range of JavaScript are texts. */
function jsonText({ columns, rows }: SqlResult): string {
  const names = columns.map((name) => JSON.stringify(name))
  const objects = rows.map((row) => {
    const members = row.map((value, i) => {
      return `${names[i]}: ${typeof value === 'number' ? numberJson(value) : value === null ? 'null' : JSON.stringify(text(value))}`
    })
    return `  { ${members.join(', ')} }`
  })
  return objects.length === 0 ? '[]' : `[\n${objects.join(',\n')}\n]`
}

function text(value: SqlValue): string {
  if (value === null) return ''
  if (typeof value === 'number') return numberText(value)
  return value instanceof Uint8Array ? base64(value) : String(value)
}
