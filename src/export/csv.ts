import type { StoredReading, Value } from '../base/reading.ts'
import { base64, numberText, reasonsText, timeText, valueWord } from '../base/reading-text.ts'
import type { Encoder } from './encoder.ts'
import { bytesOf } from './text.ts'

const HEAD = 'device,metric,unit,ts,value,type,quality,reasons,seq\n'

/**
 * CSV with a head, quoted after RFC 4180, lines ended by LF. `type` tells how `value` is to be read: number, boolean
 * (true, false), text, bytes (base64), missing (empty). An empty unit is none.
 */
export class CsvEncoder implements Encoder {
  readonly isFull = false
  #head = HEAD

  encode(readings: readonly StoredReading[]): Iterable<Uint8Array> {
    return bytesOf(this.#lines(readings))
  }

  end(): Iterable<Uint8Array> {
    return this.encode([])
  }

  *#lines(readings: readonly StoredReading[]): Iterable<string> {
    yield this.#head
    this.#head = ''
    for (const reading of readings) yield line(reading)
  }
}

function line({ device, metric, unit, ts, value, quality, reasons, seq }: StoredReading): string {
  const series = `${field(device)},${field(metric)},${field(unit ?? '')}`
  return `${series},${timeText(ts)},${valueText(value)},${valueWord(value)},${quality},${reasonsText(reasons)},${seq}\n`
}

function valueText(value: Value): string {
  switch (typeof value) {
    case 'number':
      return numberText(value)
    case 'boolean':
      return String(value)
    case 'string':
      return field(value)
    default:
      return value === null ? '' : base64(value)
  }
}

/** Blanks at either end are quoted as well: some readers would take them away. */
function field(text: string): string {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
