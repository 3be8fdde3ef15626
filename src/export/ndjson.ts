import type { StoredReading, Value } from '../base/reading.ts'
import type { Encoder } from './encoder.ts'
import { base64, bytesOf, numberText, reasonsText, timeText, valueWord } from './text.ts'

/**
 * One JSON object a line, with the names of the CSV columns. `value` is a number, true or false, a text, bytes in
 * base64, or null; `type` tells texts from bytes. JSON has no infinities: they are the texts "Infinity" and
 * "-Infinity" of the type number. `unit` is null where there is none.
 */
export class NdjsonEncoder implements Encoder {
  readonly isFull = false
  encode(readings: readonly StoredReading[]): Iterable<Uint8Array> {
    return bytesOf(lines(readings))
  }

  end(): Iterable<Uint8Array> {
    return []
  }
}

function* lines(readings: readonly StoredReading[]): Iterable<string> {
  for (const reading of readings) yield line(reading)
}

function line({ device, metric, unit, ts, value, quality, reasons, seq }: StoredReading): string {
  const series = `"device":${JSON.stringify(device)},"metric":${JSON.stringify(metric)},"unit":${JSON.stringify(unit ?? null)}`
  const said = `"value":${valueText(value)},"type":"${valueWord(value)}"`
  const verdict = `"quality":${quality},"reasons":"${reasonsText(reasons)}"`
  return `{${series},"ts":"${timeText(ts)}",${said},${verdict},"seq":${seq}}\n`
}

function valueText(value: Value): string {
  if (typeof value === 'number') return Number.isFinite(value) ? numberText(value) : `"${value}"`
  return JSON.stringify(value instanceof Uint8Array ? base64(value) : value)
}
