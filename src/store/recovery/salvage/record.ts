/** One column of a row: INTEGER as bigint, REAL as number, so that it is written back with the same type. */
export type Field = null | bigint | number | string | Buffer

/** The bytes do not follow SQLite's format. Stays inside this folder. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable'
}

/** A variable-length integer of up to 53 bits, and where it ends. @throws Unreadable */
export function varint(bytes: Buffer, at: number): { value: number; end: number } {
  let value = 0
  for (let i = 0; i < 8; i++) {
    const byte = bytes[at + i]
    if (byte === undefined) throw new Unreadable('a number ends outside of its page')
    value = value * 128 + (byte & 0x7f)
    if (byte < 0x80) {
      if (value > Number.MAX_SAFE_INTEGER) break
      return { value, end: at + i + 1 }
    }
  }
  throw new Unreadable('a number is larger than any in this file')
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The columns of a record (https://sqlite.org/fileformat.html#record_format). @throws Unreadable */
export function readRecord(bytes: Buffer): Field[] {
  const header = varint(bytes, 0)
  if (header.value > bytes.length) throw new Unreadable('the head of a record is longer than the record')
  const fields: Field[] = []
  let body = header.value
  for (let at = header.end; at < header.value; ) {
    const type = varint(bytes, at)
    at = type.end
    const size = sizeOf(type.value)
    if (body + size > bytes.length) throw new Unreadable('a record is longer than its bytes')
    fields.push(readField(bytes, type.value, { at: body, size }))
    body += size
  }
  if (body !== bytes.length) throw new Unreadable('a record is shorter than its bytes')
  return fields
}

const INTEGER_BYTES = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0]

function sizeOf(type: number): number {
  if (type >= 12) return Math.floor((type - 12) / 2)
  const size = INTEGER_BYTES[type]
  if (size === undefined) throw new Unreadable(`there is no column of type ${type}`)
  return size
}

function readField(bytes: Buffer, type: number, { at, size }: { at: number; size: number }): Field {
  switch (type) {
    case 0:
      return null
    case 6:
      return bytes.readBigInt64BE(at)
    case 7:
      return bytes.readDoubleBE(at)
    case 8:
      return 0n
    case 9:
      return 1n
  }
  if (type < 12) return BigInt(bytes.readIntBE(at, size))
  const content = bytes.subarray(at, at + size)
  return type % 2 === 0 ? Buffer.from(content) : text(content)
}

function text(bytes: Buffer): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new Unreadable('a text is not UTF-8')
  }
}
