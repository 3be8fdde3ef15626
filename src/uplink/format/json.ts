import type { Batch } from '../../codec/batch.ts'
import type { EncodeOptions, Format, FormattedMessage } from './format.ts'
import { readingObject } from './reading-object.ts'
import { readingsOf } from './readings.ts'

const COMMA = 1
const BRACKETS = 2

/** Arrays of readings in JSON, on one topic. */
export class JsonFormat implements Format {
  readonly filters = []
  readonly #topic: string

  constructor(topic: string) {
    this.#topic = topic
  }

  begin(): readonly FormattedMessage[] {
    return []
  }

  encode(batch: Batch, { bytesMax }: EncodeOptions): readonly FormattedMessage[] {
    const messages: FormattedMessage[] = []
    let open: string[] = []
    let bytes = BRACKETS
    const close = (): void => {
      if (open.length > 0) messages.push(this.#message(open))
      open = []
      bytes = BRACKETS
    }
    for (const reading of readingsOf(batch)) {
      const object = readingObject(reading, batch)
      const more = Buffer.byteLength(object) + COMMA
      if (bytes + more - COMMA > bytesMax) close()
      open.push(object)
      bytes += more
    }
    close()
    return messages
  }

  #message(objects: readonly string[]): FormattedMessage {
    const payload = Buffer.from(`[${objects.join(',')}]`)
    return { topic: this.#topic, payload, qos: 1, retain: false, contentType: 'application/json' }
  }

  hear(): readonly FormattedMessage[] {
    return []
  }

  end(): readonly FormattedMessage[] {
    return []
  }
}
