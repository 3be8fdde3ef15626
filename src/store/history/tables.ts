import type { Database } from 'better-sqlite3'
import { Exit, OperatorError } from '../../base/errors.ts'
import type { Value } from '../../base/reading.ts'
import { reasonsText, timeText } from '../../base/reading-text.ts'
import { DURATION_HELP, parseDuration, parseTime, TIME_HELP } from '../../base/time-text.ts'
import type { History, StoredSeries } from './history.ts'
import { ALWAYS, type Interval } from './interval.ts'
import type { SeriesNames } from './missing-series.ts'

/** Type of an argument of a table-valued function; undefined: it is left out. */
type Argument = number | string | Buffer | null | undefined
type Cell = bigint | number | string | Buffer | null

/** Readings in a page for SQL: small, so that the first rows come quickly. */
const PAGE_READINGS = 1_000

/**
 * Makes history visible to SQL, sealed or not:
 *
 *     readings(device, metric, from_ts, to_ts)           ts, time, value, quality, reasons, unit, seq
 *     buckets(device, metric, from_ts, to_ts, every_ms, include_bad)
 *                                                        start, time, unit, readings, numbers, avg, min, max, sum,
 *                                                        first, last, good_share, worst, bad_left_out
 *
 * Rows are ascending in time. Times are UTC ms, ISO 8601, `-24h` or `now`; without one there is no bound. `every_ms` is
 * in ms or like `1h`. A later argument can be given without those before it: `buckets('press', 'heat') WHERE every_ms =
 * '1h'`. A device or metric that does not exist has no rows. Booleans are 0 and 1.
 *
 * An argument that is NULL gives no rows, because in SQLite nothing equals NULL.
 * @param onMissing called for a device and metric without a series
 * @param database the connection whose statements see the tables; not the one that `history` reads: a connection cannot
 * do both at once.
 */
export function defineTables(
  database: Database,
  history: History,
  { clock, onMissing }: { readonly clock: { now(): number }; onMissing(names: SeriesNames): void },
): void {
  const seriesOf = (table: string, names: NamesGiven): StoredSeries[] => {
    const { device, metric } = checked(table, names)
    if (typeof device !== 'string' || typeof metric !== 'string') return []
    const series = history.series({ device, metric })
    if (series.length === 0) onMissing({ device, metric })
    return series
  }
  database.table('readings', {
    columns: ['ts', 'time', 'value', 'quality', 'reasons', 'unit', 'seq'],
    parameters: ['device', 'metric', 'from_ts', 'to_ts'],
    rows: function* (...given): Generator<Cell[]> {
      const [device, metric, from, to] = given as Argument[]
      const series = seriesOf('readings', { device, metric })
      const interval = intervalOf({ from, to }, clock.now())
      for (const page of history.pages(series, { ...interval, limit: PAGE_READINGS })) {
        for (const { ts, value, quality, reasons, unit = '', seq } of page) {
          const verdict = [BigInt(quality), reasonsText(reasons)] as const
          yield [BigInt(ts), timeText(ts), cell(value), ...verdict, unit, BigInt(seq)]
        }
      }
    },
  })
  database.table('buckets', {
    columns: [
      ...['start', 'time', 'unit', 'readings', 'numbers', 'avg', 'min', 'max', 'sum', 'first', 'last', 'good_share'],
      ...['worst', 'bad_left_out'],
    ],
    parameters: ['device', 'metric', 'from_ts', 'to_ts', 'every_ms', 'include_bad'],
    rows: function* (...given): Generator<Cell[]> {
      const [device, metric, from, to, every, includeBad] = given as Argument[]
      const series = seriesOf('buckets', { device, metric })
      const query = {
        series,
        ...intervalOf({ from, to }, clock.now()),
        everyMs: durationOf(every),
        includeBad: Boolean(includeBad),
      }
      for (const page of history.bucketPages(query)) {
        for (const { start, unit = '', readings, numbers, badLeftOut, goodShare, worst, ...values } of page) {
          const { avg, min, max, sum, first, last } = values
          const counts = [BigInt(readings), BigInt(numbers)]
          const named = [BigInt(start), timeText(start), unit] as const
          const figures = [avg, min, max, sum, first, last] as const
          yield [...named, ...counts, ...figures, goodShare, BigInt(worst), BigInt(badLeftOut)]
        }
      }
    },
  })
}

interface NamesGiven {
  readonly device: Argument
  readonly metric: Argument
}

/** @throws OperatorError if one of them is left out */
function checked(table: string, { device, metric }: NamesGiven): NamesGiven {
  if (device === undefined || metric === undefined) {
    throw misuse(`${table} needs a device and a metric`, `write ${table}('DEVICE', 'METRIC')`)
  }
  return { device, metric }
}

function intervalOf({ from, to }: { readonly from: Argument; readonly to: Argument }, now: number): Interval {
  return { from: timeOf('from_ts', from, now) ?? ALWAYS.from, to: timeOf('to_ts', to, now) ?? ALWAYS.to }
}

function timeOf(name: string, given: Argument, now: number): number | undefined {
  if (given === undefined) return undefined
  const ts = typeof given === 'string' ? parseTime(given, now) : given
  if (typeof ts === 'number' && !Number.isNaN(ts)) return Math.ceil(ts)
  throw misuse(`${name} "${given}" is not a time`, `leave it out, or give UTC milliseconds, ${TIME_HELP}`)
}

function durationOf(given: Argument): number {
  const ms = typeof given === 'string' ? parseDuration(given) : given
  if (typeof ms === 'number' && Number.isSafeInteger(ms) && ms > 0) return ms
  throw misuse(`every_ms "${given ?? ''}" is not a duration`, `give whole milliseconds, or ${DURATION_HELP}`)
}

function cell(value: Value): Cell {
  if (typeof value === 'boolean') return BigInt(value)
  return value instanceof Uint8Array ? Buffer.from(value) : value
}

function misuse(message: string, remedy: string): OperatorError {
  return new OperatorError(message, { remedy, exitCode: Exit.USAGE })
}
