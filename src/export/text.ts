import { Reason, reasonNames } from '../base/flags.ts'
import { type Value, valueType } from '../base/reading.ts'

/** What CSV and NDJSON call the kind of a value; it tells how `value` is to be read. */
export type ValueWord = 'number' | 'boolean' | 'text' | 'bytes' | 'missing'

export function valueWord(value: Value): ValueWord {
  return valueType(value) ?? 'missing'
}

/** The shortest text that reads back as the same double, with the sign of -0. */
export function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** ISO 8601 in UTC with milliseconds. */
export function timeText(ts: number): string {
  return new Date(ts).toISOString()
}

const NAMED = Object.values(Reason).reduce((all, bit) => all | bit, 0)

/** Names of the set bits, blanks between; a bit without a name (made by a newer version) is BIT_ and its number. */
export function reasonsText(reasons: number): string {
  if (reasons === 0) return ''
  const names = reasonNames(reasons)
  for (let bit = 0; bit < 32; bit++) if (((reasons & ~NAMED) >>> bit) & 1) names.push(`BIT_${bit}`)
  return names.join(' ')
}

/** Characters of one piece; the line that reaches it is the last. */
const CHUNK_CHARS = 65_536

/** Lines as bytes, in pieces: a page of long texts is never held as bytes at once. */
export function* bytesOf(lines: Iterable<string>): Iterable<Uint8Array> {
  let chunk = ''
  for (const line of lines) {
    chunk += line
    if (chunk.length < CHUNK_CHARS) continue
    yield Buffer.from(chunk)
    chunk = ''
  }
  if (chunk !== '') yield Buffer.from(chunk)
}
