import type { Clock } from '../../base/clock.ts'
import type { StoredReading, Value } from '../../base/reading.ts'
import { numberText } from '../../base/reading-text.ts'
import type { Batch } from '../../codec/batch.ts'
import type { MessageSettings } from '../../settings/schema/formats.ts'
import type { EncodeOptions, Format, FormattedMessage } from './format.ts'
import type { MetricRegistry } from './metric-registry.ts'
import { readingObject } from './reading-object.ts'
import { readingsOf } from './readings.ts'
import { fillTopic } from './topic.ts'

export interface MessageDependencies {
  readonly prefix: string
  readonly edge: string
  readonly metricRegistry: MetricRegistry
  readonly clock: Clock
}

/**
 * One message per reading. An older reading never replaces a newer retained one, as far as this process knows:
 * readings of the backlog are not retained, nor is a live reading that is older than one sent before, or from the
 * future.
 */
export class MessageFormat implements Format {
  readonly filters = []
  readonly #settings: MessageSettings
  readonly #deps: MessageDependencies

  constructor(settings: MessageSettings, dependencies: MessageDependencies) {
    this.#settings = settings
    this.#deps = dependencies
  }

  begin(): readonly FormattedMessage[] {
    return []
  }

  encode(batch: Batch, { historical }: EncodeOptions): readonly FormattedMessage[] {
    return readingsOf(batch).map((reading) => this.#message(reading, batch, historical))
  }

  #message(reading: StoredReading, batch: Batch, historical: boolean): FormattedMessage {
    const { prefix, edge, metricRegistry, clock } = this.#deps
    const { topic: template, payload, retain } = this.#settings
    const topic = fillTopic(template, { prefix, edge, device: reading.device, metric: reading.metric })
    const kept = retain && !historical && metricRegistry.note(reading, clock.now())
    if (payload === 'value') return { topic, payload: bytesOf(reading.value), qos: 1, retain: kept }
    const object = Buffer.from(readingObject(reading, batch))
    return { topic, payload: object, qos: 1, retain: kept, contentType: 'application/json' }
  }

  hear(): readonly FormattedMessage[] {
    return []
  }

  end(): readonly FormattedMessage[] {
    return []
  }
}

/**
 * A number as the shortest text that reads back as the same double; `true`, `false`, text and bytes unchanged; empty
 * if missing.
 */
function bytesOf(value: Value): Uint8Array {
  if (value === null) return Buffer.alloc(0)
  if (value instanceof Uint8Array) return value
  return Buffer.from(typeof value === 'number' ? numberText(value) : String(value))
}
