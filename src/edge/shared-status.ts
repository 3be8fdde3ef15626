/** Questions in a second that are always answered by a new reading. */
const FREE_PER_SECOND = 10
/**
 * When it is asked for more often, an answer may be this many times as old as its reading took, at most AGE_MS_MAX: so
 * questions take a small part of the store thread, however many there are.
 */
const AGE_FACTOR = 10
const AGE_MS_MAX = 500

/**
 * Reads a status for all who ask for it, one reading at a time. Up to FREE_PER_SECOND questions a second get a reading
 * that began after they asked.
 */
export class SharedStatus<T> {
  readonly #read: () => Promise<T>
  /** The reading under way, and the one that begins after it. */
  #reading: Promise<T> | undefined
  #next: Promise<T> | undefined
  #last: { readonly answer: T; readonly readAt: number; readonly ageMsMax: number } | undefined
  #second = 0
  #questions = 0

  constructor(read: () => Promise<T>) {
    this.#read = read
  }

  get(): Promise<T> {
    const now = performance.now()
    const isFree = this.#isFree(now)
    if (!isFree && this.#last !== undefined && now - this.#last.readAt < this.#last.ageMsMax) {
      return Promise.resolve(this.#last.answer)
    }
    if (this.#reading === undefined) return this.#begin()
    if (!isFree) return this.#reading
    this.#next ??= this.#reading.then(
      () => this.#begin(),
      () => this.#begin(),
    )
    return this.#next
  }

  #isFree(now: number): boolean {
    const second = Math.floor(now / 1_000)
    if (second !== this.#second) {
      this.#second = second
      this.#questions = 0
    }
    return ++this.#questions <= FREE_PER_SECOND
  }

  #begin(): Promise<T> {
    this.#next = undefined
    this.#reading = this.#readNow()
    return this.#reading
  }

  async #readNow(): Promise<T> {
    const readAt = performance.now()
    try {
      const answer = await this.#read()
      const ageMsMax = Math.min(AGE_MS_MAX, AGE_FACTOR * (performance.now() - readAt))
      this.#last = { answer, readAt, ageMsMax }
      return answer
    } finally {
      this.#reading = undefined
    }
  }
}
