import { freeBytes } from './free-bytes.ts'

const NOTHING = Buffer.alloc(0)
/** Bytes of the first buffer; it doubles when it is full. */
const FIRST_BYTES = 64

/**
 * The received bytes of an incomplete packet. The buffer doubles as it grows, so a packet that arrives byte by byte costs
 * about as much, in time and in memory, as one that arrives at once. What was copied is freed at once.
 */
export class PartialPacket {
  #buffer: Buffer = NOTHING
  #length = 0
  #completeAt = 0

  /** Bytes that are reserved for it. */
  get bytes(): number {
    return this.#buffer.length
  }

  /**
   * Keeps a copy of the beginning of a packet.
   * @param completeAt its bytes when it is complete; while its length is not known, one more than there are
   */
  begin(received: Buffer, completeAt: number): void {
    this.#completeAt = completeAt
    this.#append(received)
  }

  /** Adds bytes, and frees them. @returns all bytes when the packet may be complete, and forgets them; undefined: it is not */
  add(received: Buffer): Buffer | undefined {
    if (this.#length === 0) return received
    this.#append(received)
    freeBytes(received)
    if (this.#length < this.#completeAt) return undefined
    const all = this.#buffer.subarray(0, this.#length)
    this.#forget()
    return all
  }

  clear(): void {
    freeBytes(this.#buffer)
    this.#forget()
  }

  #forget(): void {
    this.#buffer = NOTHING
    this.#length = 0
  }

  #append(received: Buffer): void {
    const length = this.#length + received.length
    if (length > this.#buffer.length) {
      const doubled = Math.max(FIRST_BYTES, 2 * this.#buffer.length)
      const larger = Buffer.allocUnsafeSlow(Math.max(length, Math.min(doubled, this.#completeAt)))
      this.#buffer.copy(larger, 0, 0, this.#length)
      freeBytes(this.#buffer)
      this.#buffer = larger
    }
    received.copy(this.#buffer, this.#length)
    this.#length = length
  }
}
