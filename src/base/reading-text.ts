import { Reason, reasonNames } from './flags.ts'
import { type StoredReading, type Value, valueType } from './reading.ts'
import { printableJson } from './text/one-line.ts'

/** The type of a value in exports and answers: it says how to read `value`. */
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

/** Names of the set bits, separated by blanks; a bit without a name (from a newer version) is BIT_ and its number. */
export function reasonsText(reasons: number): string {
  if (reasons === 0) return ''
  const names = reasonNames(reasons)
  for (let bit = 0; bit < 32; bit++) if (((reasons & ~NAMED) >>> bit) & 1) names.push(`BIT_${bit}`)
  return names.join(' ')
}

/**
 * A reading as a JSON object. `value` is a number, true or false, a text, bytes in base64, or null; `type`
 * distinguishes texts from bytes. JSON has no infinities: they are the texts "Infinity" and "-Infinity" with the type
 * number. `unit` is null when the reading has none.
 */
export function readingJson({ device, metric, unit, ts, value, quality, reasons, seq }: StoredReading): string {
  const series = `"device":${printableJson(device)},"metric":${printableJson(metric)},"unit":${printableJson(unit ?? null)}`
  const content = `"value":${valueJson(value)},"type":"${valueWord(value)}"`
  const verdict = `"quality":${quality},"reasons":"${reasonsText(reasons)}"`
  return `{${series},"ts":"${timeText(ts)}",${content},${verdict},"seq":${seq}}`
}

function valueJson(value: Value): string {
  if (typeof value === 'number') return numberJson(value)
  return printableJson(value instanceof Uint8Array ? base64(value) : value)
}

/** A number as JSON, with the sign of -0; numbers that JSON does not have are texts. */
export function numberJson(value: number): string {
  return Number.isFinite(value) ? numberText(value) : `"${value}"`
}
