import { z } from 'zod'
import { isMapping, type Path } from '../outline.ts'
import type { Problem } from '../problem.ts'
import { type Preset, presetProblems } from './limits.ts'

/** Which side of the broker a link is: an edge's uplink or a receiver. */
export type Side = 'uplink' | 'receiver'

const KIB = 1_024

export const PRESETS = {
  'aws-iot-core': {
    title: 'AWS IoT Core',
    both: { keepaliveS: 60 },
    // 512 KiB/s in a connection: what is on its way must be answered within `confirmTimeoutMs`. A retained status costs
    // a message more and needs a permission of its own; without it the connection is refused.
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
    both: { keepaliveS: 60 },
    // 64 KB may be on their way in a session.
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
    limits: { noDots: 'in a topic it is taken for a slash, and receivers miss what it acknowledged' },
  },
  nats: {
    title: 'NATS server',
    both: {},
    uplink: {},
    limits: { batchBytesMax: 1_023 * KIB, noDots: 'before NATS 2.10 the connection is closed over it' },
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
    'Kind of cloud broker: its defaults stand under what this file says, its limits are checked (docs/clouds.md)',
  )

/** The preset that a link's settings name, or undefined. */
export function presetOf(link: unknown): Preset | undefined {
  const name = isMapping(link) ? link.preset : undefined
  return NAMES.includes(name as PresetName) ? PRESETS[name as PresetName] : undefined
}

/** What a preset says for one link: its defaults, and on port 443 its ALPN protocols. */
export function presetDefaults(preset: Preset, side: Side, url: unknown): Record<string, unknown> {
  const alpn = preset.alpn443 !== undefined && /^mqtts:\/\/[^/]+:443\/?$/i.test(String(url))
  return {
    ...preset.both,
    ...(side === 'uplink' ? preset.uplink : {}),
    ...(alpn && { tls: { alpn: [...preset.alpn443] } }),
  }
}

/**
 * The settings of one link with the defaults of its preset under them: what the file says wins, mapping by mapping; a
 * list is taken as a whole. Anything without a known preset comes back as it is.
 */
export function withPreset(link: unknown, side: Side): unknown {
  const preset = presetOf(link)
  return preset === undefined || !isMapping(link) ? link : under(presetDefaults(preset, side, link.url), link)
}

function under(defaults: Readonly<Record<string, unknown>>, said: Record<string, unknown>): Record<string, unknown> {
  const result: Record<string, unknown> = { ...said }
  for (const [key, value] of Object.entries(defaults)) {
    const other = said[key]
    if (other === undefined) result[key] = value
    else if (isMapping(value) && isMapping(other)) result[key] = under(value, other)
  }
  return result
}

/** Where a link's settings, preset applied, go beyond what its broker takes. @param edge name of the edge, if one */
export function beyondLimits(link: unknown, { path, edge }: { path: Path; edge: unknown }): Problem[] {
  const preset = presetOf(link)
  if (preset === undefined || !isMapping(link)) return []
  return presetProblems(preset, link, edge).map((problem) => ({ ...problem, path: [...path, ...problem.path] }))
}

/** Where the settings of a preset stand, innermost values only. */
export function presetPlaces(defaults: Readonly<Record<string, unknown>>, around: Path = []): Path[] {
  return Object.entries(defaults).flatMap(([key, value]) => {
    const path = [...around, key]
    return isMapping(value) ? presetPlaces(value, path) : [path]
  })
}
