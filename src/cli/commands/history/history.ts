import { systemClock } from '../../../base/clock.ts'
import { Exit, OperatorError } from '../../../base/errors.ts'
import { timeText } from '../../../base/reading-text.ts'
import type { History, Interval, StoredSeries } from '../../../store/history/history.ts'
import { missingSeries } from '../../../store/history/missing-series.ts'
import { command, shared } from '../../command.ts'
import { dataFolder, storeOptions } from '../../data-folder.ts'
import type { Output } from '../../output.ts'
import { withHistory } from '../../reader.ts'
import { durationOption, timeOption } from '../../time.ts'
import type { PrintResult, RowFormat } from './printer.ts'

/** Rows of a table without --limit. */
const TABLE_ROWS = 1_000
const DEFAULT_SPAN_MS = 86_400_000

export const history = command({
  name: 'history',
  summary: 'Print the readings of a series, or figures per interval',
  notes: [
    'Times are ISO 8601 (UTC if without a zone), now, or relative to now, such as -24h or -7d. Durations have a unit: ms, s, m, h, d or w. Without --from, the 24 hours before --to are printed.',
    'With --every, one line is printed for each interval that has readings: number of readings, average, minimum, maximum, first and last value, percentage of good readings, worst quality, and the number of BAD readings that the values leave out. Intervals begin at multiples of their length since 1970-01-01 UTC. The hourly sums of removed readings count in the interval in which the hour starts.',
    'The edge may be running. A table ends after 1,000 lines unless --limit is given. CSV (in the format of `tidegate export`) and JSON have no limit; they are streamed, so their length does not affect the memory needed.',
  ],
  options: {
    ...storeOptions,
    from: { kind: 'text', value: 'TIME', help: 'Only readings at or after this time' },
    to: { kind: 'text', value: 'TIME', help: 'Only readings before this time', fallback: 'now' },
    every: { kind: 'text', value: 'DURATION', help: 'Print figures per interval of this length, not readings' },
    unit: { kind: 'text', value: 'UNIT', help: 'Only readings in this unit; default: all units' },
    'include-bad': {
      kind: 'flag',
      help: 'With --every: BAD readings count in average, minimum, maximum, first and last',
    },
    limit: { kind: 'number', value: 'N', help: 'Maximum number of lines', min: 1, max: Number.MAX_SAFE_INTEGER },
    csv: { kind: 'flag', help: 'Print CSV' },
    json: shared.json,
  },
  operands: { value: 'DEVICE METRIC', help: 'Name of the device and of the metric', min: 2, max: 2 },
  examples: [
    'history press-1 temperature -s examples/edge.yaml --from -1h',
    'history press-1 temperature -s examples/edge.yaml --from -7d --every 1h',
    'history press-1 temperature --data examples/data/plant-7 --from 2026-01-01 --to 2026-02-01 --csv > jan.csv',
  ],
  async run({ values, operands: [device = '', metric = ''], output, env }) {
    const interval = intervalOf(values)
    const everyMs = values.every === undefined ? undefined : durationOption('every', values.every)
    const format = formatOf(values)
    const limit = values.limit ?? (format === 'table' ? TABLE_ROWS : Number.MAX_SAFE_INTEGER)
    return withHistory(await dataFolder(values, env), async (history) => {
      const series = findSeries(history, { device, metric, unit: values.unit })
      const { printRows } = await import('./printer.ts')
      const { readingShape, bucketShape } = await import('./shapes.ts')
      const { PAGE_READINGS } = await import('../../../store/history/history.ts')
      const options = { format, limit, output }
      const printed =
        everyMs === undefined
          ? await printRows(
              history.pages(series, { ...interval, limit: Math.min(PAGE_READINGS, limit + 1) }),
              readingShape,
              options,
            )
          : await printRows(
              history.bucketPages({ series, ...interval, everyMs, includeBad: values['include-bad'] }),
              bucketShape,
              options,
            )
      remark(printed, { limit, output, bounds: boundsOf(history, series), interval })
      return Exit.OK
    })
  },
})

function intervalOf({ from, to }: { readonly from: string | undefined; readonly to: string }): Interval {
  const now = systemClock.now()
  const end = timeOption('to', to, now)
  const interval = { from: from === undefined ? end - DEFAULT_SPAN_MS : timeOption('from', from, now), to: end }
  if (interval.from < interval.to) return interval
  throw misuse(`--from ${from} is not before --to ${to}`, 'give an earlier --from or a later --to')
}

function formatOf({ csv, json }: { readonly csv: boolean; readonly json: boolean }): RowFormat {
  if (csv && json) throw misuse('--csv and --json cannot be combined', 'use one of them')
  return csv ? 'csv' : json ? 'json' : 'table'
}

function misuse(message: string, remedy: string): OperatorError {
  return new OperatorError(`history: ${message}`, { remedy, exitCode: Exit.USAGE })
}

/** The series of a device and metric, in one unit or in all. @throws OperatorError that suggests what exists */
function findSeries(
  history: History,
  { device, metric, unit }: { readonly device: string; readonly metric: string; readonly unit: string | undefined },
): StoredSeries[] {
  const found = history.series({ device, metric, unit })
  if (found.length > 0) return found
  const problem = missingSeries(history, { device, metric, unit })
  throw new OperatorError(problem ?? 'the store has changed meanwhile', {
    remedy: '`tidegate devices` lists all devices with their metrics and units',
  })
}

/** Times of the earliest and the latest reading of the series, UTC milliseconds; undefined if there is none. */
function boundsOf(
  history: History,
  series: readonly StoredSeries[],
): () => { first: number; last: number } | undefined {
  return () => {
    const firsts = series.map((one) => history.first(one)).filter((ts) => ts !== undefined)
    const lasts = series.map((one) => history.last(one)).filter((ts) => ts !== undefined)
    return firsts.length === 0 ? undefined : { first: Math.min(...firsts), last: Math.max(...lasts) }
  }
}

function remark(
  { rows, cut }: PrintResult,
  {
    limit,
    output,
    bounds,
    interval,
  }: { limit: number; output: Output; bounds: ReturnType<typeof boundsOf>; interval: Interval },
): void {
  if (cut) output.note(`there are more than ${limit} lines: raise --limit, or give a later --from`)
  if (rows > 0) return
  const known = bounds()
  const where =
    known === undefined ? '' : `; the series has readings from ${timeText(known.first)} to ${timeText(known.last)}`
  output.note(`no readings from ${timeText(interval.from)} to ${timeText(interval.to)}${where}`)
}
