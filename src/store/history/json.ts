import { numberJson, timeText } from '../../base/reading-text.ts'
import { printableJson } from '../../base/text/one-line.ts'
import type { Bucket } from './buckets.ts'
import type { DeviceStatistics, SeriesStatistics } from './statistics.ts'
import type { Figures } from './sums.ts'

/**
 * A bucket as a JSON object; `start` is ISO 8601 in UTC, and a value that is not a JSON number is a text
 * (`numberJson`).
 */
export function bucketJson({ start, device, metric, unit, first, last, ...figures }: Bucket): string {
  const named = `"device":${printableJson(device)},"metric":${printableJson(metric)},"unit":${textJson(unit)}`
  return `{"start":"${timeText(start)}",${named},${figuresJson(figures)},"first":${figure(first)},"last":${figure(last)}}`
}

/** A device and its series as JSON; times are ISO 8601 in UTC, null: there is no reading. */
export function deviceJson(one: DeviceStatistics): string {
  const { device, firstAt, lastAt, readings, goodShare, worst, series, unlisted } = one
  const sums = `"readings":${readings},"goodShare":${goodShare},"worst":${worst}`
  const head = `"device":${printableJson(device)},${boundsJson({ firstAt, lastAt })},${sums}`
  const more = unlisted > 0 ? `,"unlisted":${unlisted}` : ''
  return `{${head},"series":[${series.map(seriesJson).join(',')}]${more}}`
}

function seriesJson({ metric, unit, type, firstAt, lastAt, ...figures }: SeriesStatistics): string {
  const named = `"metric":${printableJson(metric)},"unit":${textJson(unit)},"type":${textJson(type)}`
  return `{${named},${boundsJson({ firstAt, lastAt })},${figuresJson(figures)}}`
}

function boundsJson({ firstAt, lastAt }: Pick<SeriesStatistics, 'firstAt' | 'lastAt'>): string {
  const time = (ts: number | undefined): string => (ts === undefined ? 'null' : `"${timeText(ts)}"`)
  return `"firstAt":${time(firstAt)},"lastAt":${time(lastAt)}`
}

function figuresJson({ readings, numbers, badLeftOut, avg, min, max, sum, goodShare, worst }: Figures): string {
  const values = `"avg":${figure(avg)},"min":${figure(min)},"max":${figure(max)},"sum":${figure(sum)}`
  return `"readings":${readings},"numbers":${numbers},"badLeftOut":${badLeftOut},${values},"goodShare":${goodShare},"worst":${worst}`
}

function figure(value: number | null): string {
  return value === null ? 'null' : numberJson(value)
}

function textJson(text: string | undefined): string {
  return text === undefined ? 'null' : printableJson(text)
}
