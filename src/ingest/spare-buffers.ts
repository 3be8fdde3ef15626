import type { IngestSettings } from '../settings/edge.ts'
import { BatchWriter } from '../store-thread/batch-buffer.ts'

/** Payload bytes of a new buffer; it grows when it needs to. */
const FIRST_PAYLOAD_BYTES = 262_144
/** A buffer that grew larger than this many full batches, for one huge publish, is not reused. */
const KEPT_BUFFER_BATCHES_MAX = 3

/** Buffers of batches that came back, for the next ones. */
export class SpareBuffers {
  readonly #free: SharedArrayBuffer[] = []
  readonly #settings: Pick<IngestSettings, 'batchMessagesMax' | 'batchBytesMax'>
  readonly #countMax: number

  constructor(settings: Pick<IngestSettings, 'batchMessagesMax' | 'batchBytesMax'>, countMax: number) {
    this.#settings = settings
    this.#countMax = countMax
  }

  writer(): BatchWriter {
    return new BatchWriter(this.#settings.batchMessagesMax, FIRST_PAYLOAD_BYTES, this.#free.pop())
  }

  give(buffer: SharedArrayBuffer): void {
    const keptBytesMax = KEPT_BUFFER_BATCHES_MAX * this.#settings.batchBytesMax
    if (this.#free.length < this.#countMax && buffer.byteLength <= keptBytesMax) this.#free.push(buffer)
  }
}
