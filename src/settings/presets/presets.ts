import { z } from 'zod'
import { isMapping, type Path } from '../outline.ts'
import type { Problem } from '../problem.ts'
import { type Preset, presetProblems } from './limits.ts'

/** Whether a link is an edge's uplink or that of a receiver. */
export type Side = 'uplink' | 'receiver'

const KIB = 1_024

export const PRESETS = {
  'aws-iot-core': {
    title: 'AWS IoT Core',
    both: { keepaliveS: 60, presence: false },
    // 512 KiB/s per connection: batches in flight must be answered within `confirmTimeoutMs`. A retained status costs
    // one more message and needs a permission of its own; without it AWS refuses the connection.
    uplink: {
      batchBytesMax: 124 * KIB,
      window: 50,
      windowBytes: 2_048 * KIB,
      statusRetain: false,
      statusEveryMs: 60_000,
    },
    alpn443: ['x-amzn-mqtt-ca'],
    limits: {
      schemes: ['mqtts', 'wss'],
      certificate: true,
      keepaliveS: { min: 30, max: 1_200 },
      batchBytesMax: 128 * KIB,
      windowMax: 100,
      clientIdBytesMax: 128,
      topicBytesMax: 256,
      topicSlashesMax: 7,
    },
  },
  'azure-event-grid': {
    title: 'Azure Event Grid (MQTT broker of a namespace)',
    both: { keepaliveS: 60, presence: false },
    // At most 64 KB may be in flight in a session.
    uplink: { batchBytesMax: 56 * KIB, windowBytes: 60 * KIB, statusRetain: false, statusEveryMs: 60_000 },
    limits: {
      schemes: ['mqtts', 'wss'],
      certificate: true,
      keepaliveS: { min: 1, max: 1_160 },
      batchBytesMax: 511 * KIB,
      windowMax: 1_000,
      clientIdBytesMax: 128,
    },
  },
  hivemq: {
    title: 'HiveMQ (Cloud, Platform, Community Edition)',
    both: {},
    uplink: {},
    limits: { tlsHosts: /\.hivemq\.cloud$/i },
  },
  emqx: {
    title: 'EMQX (Platform, Cloud, open source)',
    both: {},
    uplink: { window: 32 },
    limits: { tlsHosts: /\.(emqxsl|emqxcloud)\.(com|cn)$/i, batchBytesMax: 1_023 * KIB },
  },
  rabbitmq: {
    title: 'RabbitMQ (MQTT plugin)',
    both: {},
    uplink: {},
    limits: {
      noDots: 'the broker treats a dot in a topic as a slash, and receivers miss messages that it acknowledged',
    },
  },
  nats: {
    title: 'NATS server',
    both: {},
    uplink: {},
    limits: { batchBytesMax: 1_023 * KIB, noDots: 'NATS before 2.10 closes the connection' },
  },
  mosquitto: {
    title: 'Eclipse Mosquitto',
    both: {},
    uplink: {},
    limits: {},
  },
} as const satisfies Record<string, Preset>

export type PresetName = keyof typeof PRESETS
const NAMES = Object.keys(PRESETS) as [PresetName, ...PresetName[]]

export const preset = z
  .enum(NAMES)
  .optional()
  .describe(
    'Kind of cloud broker: sets other defaults, which this file overrides, and checks the limits of the broker ' +
      '(docs/clouds.md)',
  )

/** The preset that the settings of a link name; undefined: none, or an unknown one. */
export function presetOf(link: unknown): Preset | undefined {
  const name = isMapping(link) ? link.preset : undefined
  return NAMES.includes(name as PresetName) ? PRESETS[name as PresetName] : undefined
}

/** The defaults of a preset for one link, with its ALPN protocols if the URL is mqtts:// on port 443. */
export function presetDefaults(preset: Preset, side: Side, url: unknown): Record<string, unknown> {
  const alpn = preset.alpn443 !== undefined && /^mqtts:\/\/[^/]+:443\/?$/i.test(String(url))
  return {
    ...preset.both,
    ...(side === 'uplink' ? preset.uplink : {}),
    ...(alpn && { tls: { alpn: [...preset.alpn443] } }),
  }
}

/**
 * The settings of one link with the defaults of its preset filled in. The file wins; mappings are merged key by key,
 * lists are not merged. A link without a known preset is returned unchanged.
 */
export function withPreset(link: unknown, side: Side): unknown {
  const preset = presetOf(link)
  return preset === undefined || !isMapping(link) ? link : withDefaults(link, presetDefaults(preset, side, link.url))
}

function withDefaults(
  given: Record<string, unknown>,
  defaults: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const result: Record<string, unknown> = { ...given }
  for (const [key, value] of Object.entries(defaults)) {
    const other = given[key]
    if (other === undefined) result[key] = value
    else if (isMapping(value) && isMapping(other)) result[key] = withDefaults(other, value)
  }
  return result
}

/**
 * Settings of a link, with its preset applied, that its broker would refuse.
 * @param edge name of the edge; undefined: a receiver
 */
export function beyondLimits(link: unknown, { path, edge }: { path: Path; edge: unknown }): Problem[] {
  const preset = presetOf(link)
  if (preset === undefined || !isMapping(link)) return []
  return presetProblems(preset, link, edge).map((problem) => ({ ...problem, path: [...path, ...problem.path] }))
}

/** The paths of the settings in a preset; of nested mappings only the innermost values. */
export function presetPlaces(defaults: Readonly<Record<string, unknown>>, around: Path = []): Path[] {
  return Object.entries(defaults).flatMap(([key, value]) => {
    const path = [...around, key]
    return isMapping(value) ? presetPlaces(value, path) : [path]
  })
}
