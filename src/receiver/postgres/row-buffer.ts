import type { Value, Verdict } from '../../base/reading.ts'
import { hasNul, shown } from './literals.ts'

/** In the order of `RowBuffer.add`. */
export const COPIED_COLUMNS =
  'ts, received_at, seq, reasons, value, series, log, quality, value_boolean, value_text, value_bytes'
const COLUMNS = 11
/** Bytes of a row without its text and bytes: the number of columns, the length of each, and the fixed ones. */
const ROW_BYTES = 2 + 4 * COLUMNS + 5 * 8 + 2 * 4 + 2 + 1
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')
const HEADER_BYTES = SIGNATURE.length + 8
const TRAILER_BYTES = 2
const FIRST_BYTES = 65_536

/** PostgreSQL counts its times from 2000-01-01. */
const EPOCH_MS = 946_684_800_000
const TWO_32 = 2 ** 32
const NULL = -1

export interface CopiedRow {
  readonly series: number
  readonly log: number
  readonly seq: number
  readonly ts: number
  readonly value: Value
  readonly verdict: Verdict
}

/**
 * Readings in the binary format of PostgreSQL's COPY, which preserves every bit of a value and is the fastest way to
 * insert.
 */
export class RowBuffer {
  readonly #receivedAt: number
  #bytes = Buffer.allocUnsafe(FIRST_BYTES)
  #view = viewOf(this.#bytes)
  #end = HEADER_BYTES
  #rows = 0

  constructor(receivedAt: number) {
    this.#receivedAt = receivedAt
  }

  get rows(): number {
    return this.#rows
  }

  add({ series, log, seq, ts, value, verdict }: CopiedRow): void {
    const text = typeof value === 'string' ? Buffer.from(value) : undefined
    this.#reserve(
      ROW_BYTES + (text === undefined ? (value instanceof Uint8Array ? value.byteLength : 0) : 5 * text.length),
    )
    this.#view.setInt16(this.#end, COLUMNS)
    this.#end += 2
    this.#time(ts)
    this.#time(this.#receivedAt)
    this.#int64(seq)
    this.#int64(verdict.reasons)
    this.#double(value)
    this.#int32(series)
    this.#int32(log)
    this.#int16(verdict.quality)
    this.#boolean(value)
    const nul = text !== undefined && hasNul(value as string)
    this.#blob(nul ? Buffer.from(shown(value as string)) : text)
    this.#blob(nul ? text : value instanceof Uint8Array ? value : undefined)
    this.#rows++
  }

  /** All rows added since the last call, ready for COPY. */
  take(): Uint8Array {
    this.#reserve(TRAILER_BYTES)
    this.#bytes.set(SIGNATURE, 0)
    this.#bytes.fill(0, SIGNATURE.length, HEADER_BYTES)
    this.#view.setInt16(this.#end, -1)
    const taken = this.#bytes.subarray(0, this.#end + TRAILER_BYTES)
    this.#bytes = Buffer.allocUnsafe(FIRST_BYTES)
    this.#view = viewOf(this.#bytes)
    this.#end = HEADER_BYTES
    this.#rows = 0
    return taken
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes + TRAILER_BYTES <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#end + bytes + TRAILER_BYTES))
    this.#bytes.copy(larger, 0, 0, this.#end)
    this.#bytes = larger
    this.#view = viewOf(larger)
  }

  #time(ms: number): void {
    const micros = (ms - EPOCH_MS) * 1_000
    if (Number.isSafeInteger(micros)) return this.#int64(micros)
    this.#view.setInt32(this.#end, 8)
    this.#view.setBigInt64(this.#end + 4, BigInt(ms - EPOCH_MS) * 1_000n)
    this.#end += 12
  }

  #int64(number: number): void {
    const high = Math.floor(number / TWO_32)
    this.#view.setInt32(this.#end, 8)
    this.#view.setInt32(this.#end + 4, high)
    this.#view.setUint32(this.#end + 8, number - high * TWO_32)
    this.#end += 12
  }

  #double(value: Value): void {
    if (typeof value !== 'number') return this.#null()
    this.#view.setInt32(this.#end, 8)
    this.#view.setFloat64(this.#end + 4, value)
    this.#end += 12
  }

  #int32(number: number): void {
    this.#view.setInt32(this.#end, 4)
    this.#view.setInt32(this.#end + 4, number)
    this.#end += 8
  }

  #int16(number: number): void {
    this.#view.setInt32(this.#end, 2)
    this.#view.setInt16(this.#end + 4, number)
    this.#end += 6
  }

  #boolean(value: Value): void {
    if (typeof value !== 'boolean') return this.#null()
    this.#view.setInt32(this.#end, 1)
    this.#view.setInt8(this.#end + 4, value ? 1 : 0)
    this.#end += 5
  }

  #blob(bytes: Uint8Array | undefined): void {
    if (bytes === undefined) return this.#null()
    this.#view.setInt32(this.#end, bytes.byteLength)
    this.#bytes.set(bytes, this.#end + 4)
    this.#end += 4 + bytes.byteLength
  }

  #null(): void {
    this.#view.setInt32(this.#end, NULL)
    this.#end += 4
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
