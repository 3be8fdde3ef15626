/**
 * A transaction ends after this much work (ms), not counting the sync: other clients wait for it. On a slow disk it may
 * take as long as a sync does, at most WORK_MS_MAX: otherwise the syncs would take most of the time.
 */
const WORK_MS = 40
const WORK_MS_MAX = 400
/** A message of at least this size (bytes) may take long: the clock is read before each of them. */
const LARGE_BYTES = 512
/** The clock is read before every sixteenth smaller message. */
const SMALL_MASK = 15
/** A message that took long per byte is remembered; its share falls by this with every large one that follows. */
const FADE = 0.9

/** Decides where a transaction ends, so that one client's messages do not keep those of others from the disk. */
export class WorkBudget {
  #workMs = WORK_MS
  #msPerByte = 0
  #begunAt = 0
  #count = 0
  /** The last large message: its size, and when it began. */
  #large = { bytes: 0, at: 0 }

  begin(): void {
    this.#begunAt = performance.now()
    this.#count = 0
    this.#large.bytes = 0
  }

  /**
   * Call before each message. Whether the transaction should end before a message of this size: its time is used up, or
   * would be if the message takes as long per byte as those before.
   */
  endsBefore(bytes: number): boolean {
    const place = this.#count++
    if (bytes < LARGE_BYTES && this.#large.bytes === 0 && (place & SMALL_MASK) !== 0) return false
    const now = performance.now()
    this.#learn(now)
    if (place === 0) return this.#noteLarge(bytes, now)
    const expectedMs = bytes < LARGE_BYTES ? 0 : bytes * this.#msPerByte
    if (now - this.#begunAt + expectedMs > this.#workMs) return true
    return this.#noteLarge(bytes, now)
  }

  /** Call when the transaction is on disk. @param syncMs the time that its commit took */
  committed(syncMs: number): void {
    this.#workMs = Math.min(WORK_MS_MAX, Math.max(WORK_MS, (this.#workMs + syncMs) / 2))
  }

  #learn(now: number): void {
    const { bytes, at } = this.#large
    if (bytes > 0) this.#msPerByte = Math.max((now - at) / bytes, this.#msPerByte * FADE)
    this.#large.bytes = 0
  }

  #noteLarge(bytes: number, now: number): false {
    if (bytes < LARGE_BYTES) return false
    this.#large.bytes = bytes
    this.#large.at = now
    return false
  }
}
