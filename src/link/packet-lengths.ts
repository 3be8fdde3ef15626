/** Bits of a length byte that count, and the bit that says that another byte follows (MQTT 3.1.1, 2.2.3). */
const LENGTH_BITS = 7
const LENGTH_MASK = 0x7f
const MORE = 0x80
const LENGTH_BYTES_MAX = 4

/**
 * Follows the packets of a stream by their length fields, so that a packet that is too large is found after five bytes.
 * MQTT.js collects a packet of up to 256 MB before anyone can refuse it.
 */
export class PacketLengths {
  readonly #bytesMax: number
  /** Bytes of the current packet that are still to come; undefined: its length is not complete. */
  #left: number | undefined
  #headerBytes = 0
  #length = 0

  /** @param bytesMax of a packet, without its fixed header */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** The length of the first packet in these bytes that is too large; undefined: there is none. */
  take(bytes: Uint8Array): number | undefined {
    for (let at = 0; at < bytes.length; ) {
      if (this.#left === undefined) {
        const tooLarge = this.#takeHeader(bytes[at++]!)
        if (tooLarge !== undefined) return tooLarge
      } else {
        const step = Math.min(this.#left, bytes.length - at)
        at += step
        this.#left -= step
      }
      if (this.#left === 0) this.#begin()
    }
    return undefined
  }

  #begin(): void {
    this.#left = undefined
    this.#headerBytes = 0
    this.#length = 0
  }

  #takeHeader(byte: number): number | undefined {
    const lengthBytes = this.#headerBytes++
    if (lengthBytes === 0) return undefined // the type of the packet
    this.#length += (byte & LENGTH_MASK) * 2 ** (LENGTH_BITS * (lengthBytes - 1))
    if ((byte & MORE) !== 0 && lengthBytes < LENGTH_BYTES_MAX) return undefined
    this.#left = this.#length
    return this.#length > this.#bytesMax ? this.#length : undefined
  }
}
