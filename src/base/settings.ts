import { z } from 'zod'
import { qualityRule } from './settings-quality.ts'

const name = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, '1 to 64 of A–Z a–z 0–9 . _ -')
const port = z.number().int().min(0).max(65_535)
const ms = z.number().int().min(0)
const count = z.number().int().min(1)
const bytes = z.number().int().min(1)
const endpoint = (defaults: { host: string; port: number }) =>
  z.strictObject({ host: z.string().min(1).default(defaults.host), port: port.default(defaults.port) }).prefault({})

const broker = z.strictObject({
  tcp: endpoint({ host: '0.0.0.0', port: 1883 }).describe('Where devices connect; port 0 takes a free one'),
  connectionsMax: count.default(10_000).describe('More are closed before they say a word'),
  packetBytesMax: bytes
    .min(128)
    .max(268_435_455)
    .default(1_048_576)
    .describe('A larger packet closes the connection at its length field'),
  connectTimeoutMs: ms.min(100).default(10_000).describe('A connection that is not accepted by then is closed'),
  pendingPerClientMax: count
    .default(1_000)
    .describe('Publishes of one client not yet on disk; above it its socket is not read'),
  pendingBytesMax: bytes
    .default(33_554_432)
    .describe('Payload bytes of all clients not yet on disk; above it no socket is read'),
  sessionQueueMax: count
    .default(1_000)
    .describe('Messages kept for one absent local subscriber; above it new ones are dropped and counted'),
  slowSubscriberBytesMax: bytes
    .default(8_388_608)
    .describe('A local subscriber that lets more pile up is disconnected'),
})

const route = z.strictObject({
  topic: z
    .string()
    .min(1)
    .describe('Topic with `{device}` and optionally `{metric}`, each a whole level; `+` and `#` as in a filter'),
  format: z
    .enum(['auto', 'json', 'cbor', 'senml', 'text'])
    .default('auto')
    .describe('`auto`: JSON, SenML and CBOR are told by their first byte and shape; anything else is text'),
})

const ingest = z.strictObject({
  commitDelayMs: ms
    .max(10_000)
    .default(0)
    .describe('Waits so long to gather a bigger commit: fewer flash writes, later acknowledgements'),
  batchMessagesMax: count.max(65_535).default(4_096).describe('Publishes in one commit'),
  batchBytesMax: bytes.default(4_194_304).describe('Payload bytes in one commit (a single larger publish goes alone)'),
})

const store = z.strictObject({
  rejectsMax: count.default(10_000).describe('Undecodable messages kept; the oldest go first, counted'),
  rejectPayloadBytesMax: bytes
    .default(65_536)
    .describe('Payload bytes kept of one reject; the rest is cut and flagged'),
  repeatWindow: count
    .max(10_000_000)
    .default(250_000)
    .describe('Latest readings among which a repeated publish is recognised'),
  checkpointPages: count
    .default(2_000)
    .describe('WAL pages (4 KiB) after which the log is moved into the database file'),
})

export const uplink = z.strictObject({
  name: name.default('cloud'),
  url: z.url({ protocol: /^(mqtts?|wss?)$/ }).describe('mqtt://, mqtts://, ws:// or wss://, host and port'),
  confirm: z.enum(['receipt', 'puback']).default('receipt').describe('What marks a reading as delivered'),
  clientId: z.string().min(1).max(128).optional().describe('Default: tidegate-{edge}-{name}'),
  username: z.string().optional(),
  password: z.string().optional(),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/)
    .default('tidegate')
    .describe('First levels of every topic on the cloud broker'),
  lingerMs: ms.max(3_600_000).default(200).describe('A reading waits at most so long for company'),
  batchBytesMax: bytes.min(1_024).default(131_072).describe('A batch is never larger (compressed)'),
  batchReadingsMax: count.max(1_000_000).default(20_000),
  window: count.max(1_000).default(8).describe('Batches on their way at once'),
  confirmTimeoutMs: ms.min(100).default(15_000).describe('Without an answer for so long the connection is made anew'),
  connectTimeoutMs: ms.min(100).default(10_000),
  keepaliveS: z.number().int().min(1).max(65_535).default(30),
  backoffMinMs: ms.min(10).default(1_000),
  backoffMaxMs: ms.min(10).default(300_000),
  statusEveryMs: ms.min(1_000).default(30_000),
})

const web = z.strictObject({
  enabled: z.boolean().default(true),
  host: z.string().default('127.0.0.1'),
  port: port.default(8080),
})
const log = z.strictObject({
  level: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
})

/** Settings of an edge, as `tidegate run -s FILE` reads them. Unknown keys are refused: they are misspellings. */
export const edgeSettings = z.strictObject({
  edge: name.describe('Name of this site; unique among the edges of one cloud'),
  data: z.string().min(1).default('./data').describe('Folder of tidegate.db, relative to the settings file'),
  broker: broker.prefault({}),
  routes: z
    .array(route)
    .min(1)
    .max(1_000)
    .default([
      { topic: 'telemetry/{device}/{metric}', format: 'auto' },
      { topic: 'telemetry/{device}', format: 'auto' },
    ])
    .describe('Topics that carry readings; the first match wins; other topics are ordinary MQTT'),
  quality: z.array(qualityRule).max(10_000).default([]).describe('Checks of readings; the first match wins'),
  ingest: ingest.prefault({}),
  store: store.prefault({}),
  uplinks: z
    .array(uplink)
    .max(8)
    .default([])
    .refine((all) => new Set(all.map((one) => one.name)).size === all.length, {
      error: 'two uplinks have the same name',
    }),
  web: web.prefault({}),
  log: log.prefault({}),
})

/** Settings of a receiver, as `tidegate receive -s FILE` reads them. */
export const receiverSettings = z.strictObject({
  cloud: z.strictObject({
    url: z.url({ protocol: /^(mqtts?|wss?)$/ }).describe('The broker to which the edges send'),
    clientId: z
      .string()
      .min(1)
      .max(128)
      .default('tidegate-receiver')
      .describe('Its session at the broker; one receiver, one id'),
    username: z.string().optional(),
    password: z.string().optional(),
    prefix: z
      .string()
      .regex(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/)
      .default('tidegate'),
    connectTimeoutMs: ms.min(100).default(10_000),
    keepaliveS: z.number().int().min(1).max(65_535).default(30),
    backoffMinMs: ms.min(10).default(1_000),
    backoffMaxMs: ms.min(10).default(60_000),
  }),
  data: z.string().min(1).default('./received').describe('Folder of received.db'),
  batchBytesMax: bytes.default(1_048_576).describe('A larger batch is rejected without being opened'),
  batchReadingsMax: count.default(1_000_000).describe('A batch that unpacks to more is rejected'),
  log: log.prefault({}),
})

export type EdgeSettings = z.output<typeof edgeSettings>
export type ReceiverSettings = z.output<typeof receiverSettings>
export type BrokerSettings = EdgeSettings['broker']
export type RouteSettings = EdgeSettings['routes'][number]
export type IngestSettings = EdgeSettings['ingest']
export type StoreSettings = EdgeSettings['store']
export type UplinkSettings = z.output<typeof uplink>
export type CloudSettings = ReceiverSettings['cloud']
