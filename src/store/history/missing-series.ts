import { suggestion } from '../../base/nearest.ts'
import { oneLine } from '../../base/text/one-line.ts'
import type { History } from './history.ts'

const NAME_CHARS_MAX = 100

export interface SeriesNames {
  readonly device: string
  readonly metric: string
  readonly unit?: string | undefined
}

/** Which of the names the store does not know, as text, with the most similar known one. Undefined: there is such a series. */
export function missingSeries(history: History, { device, metric, unit }: SeriesNames): string | undefined {
  if (history.series({ device, metric, unit }).length > 0) return undefined
  const ofDevice = history.series({ device })
  if (ofDevice.length === 0) {
    const devices = new Set(history.series().map((one) => one.device))
    return noReadingsOf(`device ${quoted(device)}${suggestion(device, devices)}`)
  }
  const metrics = new Set(ofDevice.map((one) => one.metric))
  if (!metrics.has(metric)) {
    return noReadingsOf(`metric ${quoted(metric)} of ${oneLine(device, NAME_CHARS_MAX)}${suggestion(metric, metrics)}`)
  }
  const units = ofDevice.filter((one) => one.metric === metric).map((one) => one.unit ?? 'none')
  const place = oneLine(`${device} ${metric}`, 2 * NAME_CHARS_MAX)
  return noReadingsOf(`unit ${quoted(unit ?? '')} of ${place}; its units: ${units.join(', ')}`)
}

function noReadingsOf(what: string): string {
  return `the store has no readings of ${what}`
}

function quoted(name: string): string {
  return `"${oneLine(name, NAME_CHARS_MAX)}"`
}
