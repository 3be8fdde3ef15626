import { numberJson, timeText } from '../../base/reading-text.ts'
import type { Bucket } from './buckets.ts'
import type { DeviceStatistics } from './statistics.ts'
import type { Figures } from './sums.ts'

/** A bucket as a JSON object; `start` is ISO 8601 in UTC, and what JSON has no number for is a text (`numberJson`). */
export function bucketJson({ start, device, metric, unit, first, last, ...figures }: Bucket): string {
  const named = { start: timeText(start), device, metric, unit: unit ?? null }
  return objectJson({ ...named, ...figuresOf(figures), first, last })
}

/** A device and its series as JSON; times are ISO 8601 in UTC, null where there is no reading. */
export function deviceJson({ device, firstAt, lastAt, readings, goodShare, worst, series }: DeviceStatistics): string {
  const head = { device, readings, firstAt: optionalTime(firstAt), lastAt: optionalTime(lastAt), goodShare, worst }
  const all = series.map(({ id: _, device: __, metric, unit, type, firstAt, lastAt, ...figures }) =>
    objectJson({
      ...{ metric, unit: unit ?? null, type: type ?? null },
      ...{ firstAt: optionalTime(firstAt), lastAt: optionalTime(lastAt) },
      ...figuresOf(figures),
    }),
  )
  return `${objectJson(head).slice(0, -1)},"series":[${all.join(',')}]}`
}

function figuresOf({ readings, numbers, avg, min, max, sum, goodShare, worst }: Figures): Figures {
  return { readings, numbers, avg, min, max, sum, goodShare, worst }
}

function optionalTime(ts: number | undefined): string | null {
  return ts === undefined ? null : timeText(ts)
}

function objectJson(fields: Readonly<Record<string, string | number | null>>): string {
  const members = Object.entries(fields).map(([name, value]) => {
    return `${JSON.stringify(name)}:${typeof value === 'number' ? numberJson(value) : JSON.stringify(value)}`
  })
  return `{${members.join(',')}}`
}
