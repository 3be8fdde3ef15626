import type { StoredReading, Value } from '../base/reading.ts'
import { base64, numberText, reasonsText, timeText, valueWord } from '../base/reading-text.ts'
import type { Encoder } from './encoder.ts'
import { bytesOf } from './text.ts'

export const CSV_HEAD = 'device,metric,unit,ts,value,type,quality,reasons,seq'

/**
 * CSV with a header, quoted as in RFC 4180, lines ended by LF. `type` says how to read `value`: number, boolean (true,
 * false), text, bytes (base64), missing (empty). An empty `unit` means that the reading has none.
 */
export class CsvEncoder implements Encoder {
  readonly isFull = false
  #head = `${CSV_HEAD}\n`

  encode(readings: readonly StoredReading[]): Iterable<Uint8Array> {
    return bytesOf(this.#lines(readings))
  }

  end(): Iterable<Uint8Array> {
    return this.encode([])
  }

  *#lines(readings: readonly StoredReading[]): Iterable<string> {
    yield this.#head
    this.#head = ''
    for (const reading of readings) yield `${csvLine(reading)}\n`
  }
}

/** A reading as a line, without the line end. */
export function csvLine({ device, metric, unit, ts, value, quality, reasons, seq }: StoredReading): string {
  const series = `${csvField(device)},${csvField(metric)},${csvField(unit ?? '')}`
  return `${series},${timeText(ts)},${valueText(value)},${valueWord(value)},${quality},${reasonsText(reasons)},${seq}`
}

function valueText(value: Value): string {
  switch (typeof value) {
    case 'number':
      return numberText(value)
    case 'boolean':
      return String(value)
    case 'string':
      return csvField(value)
    default:
      return value === null ? '' : base64(value)
  }
}

/** A text as a CSV field. A text with blanks at either end is quoted, too: some readers would trim it. */
export function csvField(text: string): string {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
