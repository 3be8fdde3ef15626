/** Wire types of a protobuf field. */
const VARINT = 0
const FIXED64 = 1
const LENGTH = 2
const FIXED32 = 5
/** Each byte of a varint carries this many values. */
const VARINT_BASE = 0x80
/** Bytes of the longest varint: 64 bits in groups of 7. */
const VARINT_BYTES_MAX = 10

/** Writes the fields of one protobuf message, in the order of the calls. A field whose value is undefined is left out. */
export class ProtobufWriter {
  readonly #parts: Uint8Array[] = []

  /** @param value an integer from 0 to 2^53 - 1 */
  uint(field: number, value: number | undefined): this {
    return value === undefined ? this : this.#put(field, VARINT, varint(value))
  }

  bool(field: number, value: boolean | undefined): this {
    return this.uint(field, value === undefined ? undefined : Number(value))
  }

  double(field: number, value: number | undefined): this {
    if (value === undefined) return this
    const bytes = Buffer.allocUnsafe(8)
    bytes.writeDoubleLE(value)
    return this.#put(field, FIXED64, bytes)
  }

  bytes(field: number, value: Uint8Array | undefined): this {
    return value === undefined ? this : this.#put(field, LENGTH, varint(value.length), value)
  }

  string(field: number, value: string | undefined): this {
    return this.bytes(field, value === undefined ? undefined : Buffer.from(value))
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts)
  }

  #put(field: number, wireType: number, ...parts: readonly Uint8Array[]): this {
    this.#parts.push(varint(field * 8 + wireType), ...parts)
    return this
  }
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest >= VARINT_BASE; rest = Math.floor(rest / VARINT_BASE)) bytes.push((rest % VARINT_BASE) + VARINT_BASE)
  bytes.push(rest)
  return Uint8Array.from(bytes)
}

/** A number for a varint (exact up to 2^53), bytes for everything else. */
export interface ProtobufField {
  readonly field: number
  readonly value: number | Uint8Array
}

/** Reads the fields of one protobuf message, in their order. @throws RangeError if the message is cut short or malformed */
export function* protobufFields(message: Uint8Array): Generator<ProtobufField> {
  let at = 0
  const number = (): number => {
    let value = 0
    for (let i = 0; i < VARINT_BYTES_MAX; i++) {
      const byte = message[at++]
      if (byte === undefined) break
      value += (byte % VARINT_BASE) * VARINT_BASE ** i
      if (byte < VARINT_BASE) return value
    }
    throw new RangeError('a varint of a protobuf message does not end')
  }
  const take = (length: number): Uint8Array => {
    if (length > message.length - at) throw new RangeError('a field of a protobuf message is cut short')
    at += length
    return message.subarray(at - length, at)
  }
  while (at < message.length) {
    const tag = number()
    const field = Math.floor(tag / 8)
    const wireType = tag % 8
    if (wireType === VARINT) yield { field, value: number() }
    else if (wireType === LENGTH) yield { field, value: take(number()) }
    else if (wireType === FIXED64) yield { field, value: take(8) }
    else if (wireType === FIXED32) yield { field, value: take(4) }
    else throw new RangeError(`a protobuf message has a field of the unknown wire type ${wireType}`)
  }
}
