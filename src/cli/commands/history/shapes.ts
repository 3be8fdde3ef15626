import type { Quality, StoredReading, Value } from '../../../base/reading.ts'
import { base64, numberText, readingJson, reasonsText, timeText } from '../../../base/reading-text.ts'
import { oneLine } from '../../../base/text/one-line.ts'
import { CSV_HEAD, csvField, csvLine } from '../../../export/csv.ts'
import type { Bucket } from '../../../store/history/history.ts'
import { bucketJson } from '../../../store/history/json.ts'
import type { Cell } from '../../table.ts'
import type { RowShape } from './printer.ts'

const TEXT_CHARS_MAX = 60
/** Significant digits of an average or sum in a table: further digits are rounding errors. */
const DIGITS = 9

export const QUALITY_NAMES: Readonly<Record<Quality, string>> = {
  1: 'good',
  2: 'not evaluated',
  3: 'suspect',
  4: 'bad',
  9: 'missing',
}

/** Readings; the CSV has the format of `tidegate export`. */
export const readingShape: RowShape<StoredReading> = {
  head: ['time (UTC)', 'value', 'unit', 'quality', 'reasons'],
  cells: ({ ts, value, unit = '', quality, reasons }) => {
    return [timeText(ts), valueCell(value), oneLine(unit, 16), QUALITY_NAMES[quality], reasonsText(reasons)]
  },
  csvHead: CSV_HEAD,
  csv: csvLine,
  json: readingJson,
}

export const bucketShape: RowShape<Bucket> = {
  head: ['from (UTC)', 'unit', 'readings', 'avg', 'min', 'max', 'first', 'last', 'good %', 'worst', 'bad left out'],
  cells: ({ start, unit = '', readings, avg, min, max, first, last, goodShare, worst, badLeftOut }) => [
    ...[timeText(start), oneLine(unit, 16), readings, ...[avg, min, max, first, last].map(figureCell)],
    ...[percent(goodShare), QUALITY_NAMES[worst], badLeftOut],
  ],
  csvHead: 'start,device,metric,unit,readings,numbers,avg,min,max,sum,goodShare,worst,first,last,badLeftOut',
  csv: ({ start, device, metric, unit = '', readings, numbers, avg, min, max, sum, goodShare, worst, ...more }) => {
    const { first, last, badLeftOut } = more
    const figures = [readings, numbers, avg, min, max, sum, goodShare, worst, first, last, badLeftOut]
    const names = [device, metric, unit].map(csvField)
    return [timeText(start), ...names, ...figures.map((one) => (one === null ? '' : numberText(one)))].join(',')
  },
  json: bucketJson,
}

/** A figure rounded for a table; empty if there is none. */
export function figureCell(value: number | null): Cell {
  return value === null ? '' : Number(value.toPrecision(DIGITS))
}

export function percent(share: number): Cell {
  return Number((100 * share).toFixed(1))
}

function valueCell(value: Value): Cell {
  if (value === null) return ''
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : value
  return oneLine(value instanceof Uint8Array ? base64(value) : String(value), TEXT_CHARS_MAX)
}
