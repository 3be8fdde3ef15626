import type { UplinkSettings } from '../../settings/schema/uplink.ts'
import type { Format, FormatDependencies } from './format.ts'
import { JsonFormat } from './json.ts'
import { MessageFormat } from './message.ts'
import { SparkplugFormat } from './sparkplug/sparkplug.ts'
import { fillTopic } from './topic.ts'

export type FormatSettings = Pick<UplinkSettings, 'format' | 'prefix' | 'json' | 'message' | 'sparkplug'>

/** The format of one connection; undefined for `cbor`: batches are sent as the store made them. */
export function makeFormat(settings: FormatSettings, dependencies: FormatDependencies): Format | undefined {
  const { prefix } = settings
  const { edge, metricRegistry, clock } = dependencies
  switch (settings.format) {
    case 'cbor':
      return undefined
    case 'json':
      return new JsonFormat(fillTopic(settings.json.topic, { prefix, edge }))
    case 'message':
      return new MessageFormat(settings.message, { prefix, edge, metricRegistry, clock })
    case 'sparkplug':
      return new SparkplugFormat(settings.sparkplug, dependencies)
  }
}
