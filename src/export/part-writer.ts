import type { StoredReading } from '../base/reading.ts'
import type { Encoder } from './encoder.ts'
import type { ExportTarget } from './target.ts'

/** Files of one export, or of one day of it. */
export interface ExportParts {
  /** Opens the target of a part: 0, and further ones when a file of the format is full. */
  open(part: number): ExportTarget
  /** Called when the current part is full. Throws if another part is not allowed; the current one is discarded then. */
  onFull?(): void
}

interface Part {
  readonly target: ExportTarget
  readonly encoder: Encoder
}

/** Writes readings into one file, or into several parts one after the other. */
export class PartWriter {
  readonly #files: ExportParts
  readonly #openEncoder: () => Encoder
  #current: Part | undefined
  #parts = 0
  #bytes = 0

  constructor(files: ExportParts, openEncoder: () => Encoder) {
    this.#files = files
    this.#openEncoder = openEncoder
  }

  /** Parts that were started. */
  get parts(): number {
    return this.#parts
  }

  /** Bytes of all parts so far. */
  get bytes(): number {
    return this.#bytes
  }

  /** Opens the next part, even when no readings will follow. */
  begin(): void {
    const encoder = this.#openEncoder()
    this.#current = { encoder, target: this.#files.open(this.#parts) }
    this.#parts++
  }

  async write(readings: readonly StoredReading[]): Promise<void> {
    if (this.#current?.encoder.isFull) {
      this.#files.onFull?.()
      await this.complete()
    }
    if (this.#current === undefined) this.begin()
    await this.#send(this.#current!, (encoder) => encoder.encode(readings))
  }

  /** Completes the current part, if there is one. */
  async complete(): Promise<void> {
    if (this.#current === undefined) return
    await this.#send(this.#current, (encoder) => encoder.end())
    this.#current.target.complete()
    this.#current = undefined
  }

  /** Discards the current part, if there is one. */
  discard(): void {
    this.#current?.target.discard()
    this.#current = undefined
  }

  async #send({ target, encoder }: Part, make: (encoder: Encoder) => Iterable<Uint8Array>): Promise<void> {
    for (const chunk of make(encoder)) {
      await target.write(chunk)
      this.#bytes += chunk.length
    }
  }
}
