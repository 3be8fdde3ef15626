import { Exit, OperatorError } from '../../../base/errors.ts'
import { base64, numberJson, numberText } from '../../../base/reading-text.ts'
import type { SqlResult, SqlValue } from '../../../store/history/sql.ts'
import { command, shared } from '../../command.ts'
import { dataFolder, storeOptions } from '../../data-folder.ts'
import { stopSignals } from '../../stop-signals.ts'
import { type Cell, oneLine, textTable } from '../../table.ts'
import { durationOption } from '../../time.ts'

/** Rows of one result: they are in memory before the first is printed, so that a slow reader holds nothing. */
const ROWS_MAX = 100_000
const ROWS = 1_000
const TEXT_CHARS_MAX = 60

export const sql = command({
  name: 'sql',
  summary: 'Asks the store in SQL, read-only',
  notes: [
    "readings('DEVICE', 'METRIC', FROM_TS, TO_TS) has ts (UTC ms), time, value, quality, reasons, unit and seq of all readings, sealed or not. buckets('DEVICE', 'METRIC', FROM_TS, TO_TS, EVERY_MS) has start, time, unit, readings, numbers, avg, min, max, sum, first, last, good_share and worst per interval. Times are UTC ms or texts as 2026-01-31T08:00:00Z, -24h or now; EVERY_MS is in ms or a text as 1h. FROM_TS and TO_TS can be left out: `buckets('press-1', 'heat') WHERE every_ms = '1h'`. Both join: `devices AS d, readings(d.name, 'heat')`.",
    "The store's own tables (devices, series, rejects, seals and others) can be read, too; log and blocks hold readings as they are on the disk, with left-overs, and their form may change.",
    'One statement that reads is run, in a process of low priority that is ended after --timeout. Until then one over the own tables keeps the WAL of a running edge from being set back.',
  ],
  options: {
    ...storeOptions,
    limit: { kind: 'number', value: 'N', help: 'At most so many rows', fallback: ROWS, min: 1, max: ROWS_MAX },
    timeout: { kind: 'text', value: 'DURATION', help: 'The statement is ended after so long', fallback: '60s' },
    csv: { kind: 'flag', help: 'Print CSV' },
    json: shared.json,
  },
  operands: { value: 'STATEMENT', help: 'One SELECT, in quotes', min: 1, max: 1 },
  examples: [
    `sql "SELECT time, value FROM readings('press-1', 'heat', '-1h') WHERE quality > 2" -s examples/edge.yaml`,
    `sql "SELECT time, avg FROM buckets('press-1', 'heat', '-7d', 'now', '1h')" --data ./data --csv`,
    'sql "SELECT reason, count(*) FROM rejects GROUP BY reason" --data ./data',
  ],
  async run({ values, operands: [statement = ''], output, env }) {
    const { csv, json, limit } = values
    if (csv && json) throw bothFormats()
    const timeoutMs = durationOption('timeout', values.timeout)
    const folder = await dataFolder(values, env)
    const { runStatement } = await import('./statement.ts')
    const stop = stopSignals('the statement', 'call it again; the store is as it was')
    try {
      const request = { folder, sql: statement, rowsMax: limit }
      const result = await runStatement(request, { timeoutMs, signal: stop.signal })
      if (csv) output.print(await csvText(result))
      else if (json) output.print(jsonText(result))
      else output.print(textTable(result.columns, result.rows.map(cells)))
      if (result.cut)
        output.note(
          `there are more rows than these ${result.rows.length}: narrow the statement down, or give a --limit`,
        )
      return Exit.OK
    } finally {
      stop.forget()
    }
  },
})

function bothFormats(): OperatorError {
  return new OperatorError('sql: --csv and --json exclude each other', {
    remedy: 'give one of them',
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

/** A list of objects; bytes are base64, and integers that JavaScript has not are texts. */
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
