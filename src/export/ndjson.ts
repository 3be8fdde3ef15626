import type { StoredReading } from '../base/reading.ts'
import { readingJson } from '../base/reading-text.ts'
import type { Encoder } from './encoder.ts'
import { bytesOf } from './text.ts'

/** One JSON object per line, with the names of the CSV columns. */
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
  for (const reading of readings) yield `${readingJson(reading)}\n`
}
