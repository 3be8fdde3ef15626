/** Longer texts (UTF-16 units) are not cached: a few of them would take the place of many. */
const TEXT_CHARS_MAX = 1_024
/** About what an entry takes in addition to its text (bytes). */
const ENTRY_BYTES = 128
/** Bytes of one cache. */
const BYTES_MAX = 8_388_608

/**
 * Answers about texts that come from outside, bounded by bytes. A full cache is cleared: a client with random topics
 * makes it slower, not larger.
 */
export class TextCache<V> {
  readonly #answers = new Map<string, V>()
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax = BYTES_MAX) {
    this.#bytesMax = bytesMax
  }

  get size(): number {
    return this.#answers.size
  }

  /** Whether there is an answer; needed if `undefined` can be one. */
  has(text: string): boolean {
    return this.#answers.has(text)
  }

  get(text: string): V | undefined {
    return this.#answers.get(text)
  }

  /** Keeps an answer about a text without one. */
  add(text: string, answer: V): void {
    if (text.length > TEXT_CHARS_MAX) return
    const bytes = textBytes(text)
    if (this.#bytes + bytes > this.#bytesMax) this.clear()
    this.#bytes += bytes
    this.#answers.set(text, answer)
  }

  clear(): void {
    this.#answers.clear()
    this.#bytes = 0
  }
}

/** About the bytes that an entry with this text takes in memory. */
export function textBytes(text: string): number {
  return 2 * text.length + ENTRY_BYTES
}
