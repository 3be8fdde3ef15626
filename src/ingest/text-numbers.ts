import { textBytes } from '../base/text/text-cache.ts'

/**
 * Longer texts (UTF-16 units) get a new number each time. A map would compare such a text with all others of its length:
 * V8 hashes a text of more than 16,383 characters by its length alone.
 */
const TEXT_CHARS_MAX = 1_024

/** Numbers that stand for texts, from 0 in the order in which the texts are added. */
export class TextNumbers {
  readonly #texts: string[] = []
  readonly #numbers = new Map<string, number>()
  #bytes = 0

  get size(): number {
    return this.#texts.length
  }

  /** About the bytes that the texts take. */
  get bytes(): number {
    return this.#bytes
  }

  /** The number of a text that was added and is not long. */
  find(text: string): number | undefined {
    return text.length > TEXT_CHARS_MAX ? undefined : this.#numbers.get(text)
  }

  /** Numbers a text without a number. */
  add(text: string): number {
    const number = this.#texts.push(text) - 1
    if (text.length <= TEXT_CHARS_MAX) this.#numbers.set(text, number)
    this.#bytes += textBytes(text)
    return number
  }

  /** The text of a number that was given. */
  text(number: number): string {
    return this.#texts[number]!
  }
}
