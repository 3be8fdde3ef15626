import { z } from 'zod'
import { messageOf } from './errors.ts'
import { backup } from './settings-backup.ts'
import { qualityRule } from './settings-quality.ts'
import { retentionRule } from './settings-retention.ts'
import { compileRoute } from './topics.ts'

const name = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 of A–Z a–z 0–9 . _ -')
const port = z.number().int().min(0).max(65_535)
const ms = z.number().int().min(0)
const count = z.number().int().min(1)
const bytes = z.number().int().min(1)
const endpoint = (defaults: { host: string; port: number }) =>
  z
    .strictObject({
      host: z.string().min(1).default(defaults.host).describe('Address to listen on; 0.0.0.0 is every IPv4 address'),
      port: port.default(defaults.port).describe('0 takes a free one'),
    })
    .prefault({})

const brokerUrl = z.url({
  protocol: /^(mqtts?|wss?)$/,
  error: 'must be a URL that begins with mqtt://, mqtts://, ws:// or wss://',
})
const prefix = z
  .string()
  .regex(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/, 'must be levels of A–Z a–z 0–9 . _ - with / between them')
  .default('tidegate')
  .describe('First levels of every topic on the cloud broker')
const username = z.string().optional().describe('Name at the cloud broker')
/** `writeOnly` marks a secret: it is never printed and can come from a file (`password_file`). */
const password = z.string().optional().meta({ description: 'Password at the cloud broker', writeOnly: true })

/** A check across parts runs although a part has problems of its own, so that all are told at once. */
const inAnyCase = { when: ({ value }: { value: unknown }) => typeof value === 'object' && value !== null }

/** How a client of the cloud broker connects, keeps the connection and comes back; `backoffMaxMs` differs by side. */
const connection = (defaults: { backoffMaxMs: number }) => ({
  connectTimeoutMs: ms.min(100).default(10_000).describe('An attempt to connect is given up after so long'),
  keepaliveS: z
    .number()
    .int()
    .min(1)
    .max(65_535)
    .default(30)
    .describe('Seconds of silence after which the link is probed (MQTT keep alive)'),
  backoffMinMs: ms.min(10).default(1_000).describe('Shortest mean pause before connecting again'),
  backoffMaxMs: ms.min(10).default(defaults.backoffMaxMs).describe('Longest pause before connecting again'),
})
const backoffInOrder = ({ backoffMinMs, backoffMaxMs }: { backoffMinMs: number; backoffMaxMs: number }): boolean =>
  !(backoffMinMs > backoffMaxMs)
const backoffProblem = { path: ['backoffMaxMs'], error: 'must not be below `backoffMinMs`', ...inAnyCase }

const broker = z.strictObject({
  tcp: endpoint({ host: '0.0.0.0', port: 1883 }).describe('Where devices connect'),
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
    .refine((topic) => routeProblem(topic) === undefined, { error: ({ input }) => routeProblem(String(input)) })
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

const store = z
  .strictObject({
    maxBytes: bytes
      .min(1_048_576)
      .optional()
      .describe('Size that tidegate.db never exceeds (its WAL comes on top); near it, history gives way by `whenFull`'),
    freeBytesMin: bytes
      .optional()
      .describe(
        'Free space that is left on the disk; without it 5 % of the disk, at most 1 GiB. Near it history gives way',
      ),
    whenFull: z
      .enum(['refuse', 'thin', 'drop-oldest'])
      .default('refuse')
      .describe(
        'What gives way when nothing confirmed is left to: new readings (no acknowledgement, devices keep them), what ' +
          'lies between the extremes of `retention[].thinS`, or the oldest readings; counted in the ledger',
      ),
    retention: z
      .array(retentionRule)
      .max(10_000)
      .default([])
      .describe('How long readings are kept, by series; the first match wins. Nothing unconfirmed is removed by age'),
    archive: z
      .string()
      .min(1)
      .optional()
      .describe('Folder for readings of rules with `archive`, as Parquet files by day; relative to `data`'),
    backup: backup.prefault({}).describe('Copies of the store that the edge makes by itself'),
    seriesMax: count
      .max(10_000_000)
      .default(100_000)
      .describe('Series known; a reading of one more is kept as a reject'),
    rejectsMax: count.default(10_000).describe('Undecodable messages kept; the oldest go first, counted'),
    rejectPayloadBytesMax: bytes
      .default(65_536)
      .describe('Payload bytes kept of one reject; the rest is cut and flagged'),
    repeatWindow: count
      .max(10_000_000)
      .default(250_000)
      .describe('Latest readings among which a repeated publish is recognised'),
    sealRows: count
      .min(64)
      .max(1_000_000)
      .default(65_536)
      .describe('Readings of the log that become compressed blocks at once; up to four times as many with many series'),
    sealAgeMs: ms
      .min(1_000)
      .default(86_400_000)
      .describe('A reading becomes part of a block after so long, also where fewer have come'),
    checkpointPages: count
      .default(2_000)
      .describe('WAL pages (4 KiB) after which the log is moved into the database file'),
  })
  .refine(({ retention, archive }) => archive !== undefined || !(retention ?? []).some((rule) => rule?.archive), {
    path: ['archive'],
    error: 'is missing, but a rule of `retention` says `archive: true`',
    ...inAnyCase,
  })

export const uplink = z
  .strictObject({
    name: name.default('cloud').describe('Its own name in ledger and log; unique in this file'),
    url: brokerUrl.describe('The cloud broker: mqtt://, mqtts://, ws:// or wss://, host and port'),
    confirm: z
      .enum(['receipt', 'puback'])
      .default('receipt')
      .describe('What marks a reading as delivered: the answer of the receiver, or that of the broker alone'),
    clientId: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .describe('Session at the cloud broker; without it tidegate-{edge}-{name}'),
    username,
    password,
    prefix,
    lingerMs: ms.max(3_600_000).default(200).describe('A reading waits at most so long for company'),
    batchBytesMax: bytes.min(1_024).default(131_072).describe('A batch is never larger (compressed)'),
    batchReadingsMax: count.max(1_000_000).default(20_000).describe('Readings in one batch'),
    window: count.max(1_000).default(8).describe('Batches on their way at once'),
    confirmTimeoutMs: ms.min(100).default(15_000).describe('Without an answer for so long the connection is made anew'),
    ...connection({ backoffMaxMs: 300_000 }),
    statusEveryMs: ms.min(1_000).default(30_000).describe('Pause between two reports of this edge to the cloud'),
  })
  .refine(backoffInOrder, backoffProblem)

const web = z.strictObject({
  enabled: z.boolean().default(true).describe('false: nothing is served over HTTP'),
  host: z.string().default('127.0.0.1').describe('Address to listen on; the default is reached from this machine only'),
  port: port.default(8080).describe('0 takes a free one'),
})
const log = z.strictObject({
  level: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('Least severity written to standard error'),
})

function routeProblem(topic: string): string | undefined {
  try {
    compileRoute(topic)
    return undefined
  } catch (refusal) {
    return messageOf(refusal)
  }
}

function unique(names: readonly (string | undefined)[]): boolean {
  const given = names.filter((one) => one !== undefined)
  return new Set(given).size === given.length
}

/** Whether devices and browsers would be served at one address. Parts with problems of their own may be anything. */
function oneAddress(
  tcp: Partial<z.output<typeof broker>['tcp']> = {},
  page: Partial<z.output<typeof web>> = {},
): boolean {
  const { host, port } = tcp
  if (port === undefined || port === 0 || port !== page.port || page.enabled === false) return false
  return host === page.host || host === '0.0.0.0' || page.host === '0.0.0.0'
}

/** Settings of an edge, as `tidegate run -s FILE` reads them. Unknown keys are refused: they are misspellings. */
export const edgeSettings = z
  .strictObject({
    edge: name.describe('Name of this site; unique among the edges of one cloud'),
    data: z.string().min(1).default('./data').describe('Folder of tidegate.db, relative to the settings file'),
    broker: broker.prefault({}).describe('How devices connect, and what one of them may cost'),
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
    ingest: ingest.prefault({}).describe('How publishes are gathered into commits'),
    store: store.prefault({}).describe('What is kept on disk'),
    uplinks: z
      .array(uplink)
      .max(8)
      .default([])
      .refine((all) => unique(all.map((one) => one?.name)), { error: 'two uplinks have the same name', ...inAnyCase })
      .describe('Where readings are sent; each uplink has its own confirmations'),
    web: web
      .prefault({})
      .describe(
        'Status, health and history over HTTP: `/api/status`, `/healthz`, `/api/history`, `/api/latest`, `/api/devices`',
      ),
    log: log.prefault({}).describe('What is logged'),
  })
  .refine(({ broker, web }) => !oneAddress(broker?.tcp, web), {
    path: ['web', 'port'],
    error: 'is the port of `broker.tcp`, at the same address',
    ...inAnyCase,
  })

/** Settings of a receiver, as `tidegate receive -s FILE` reads them. */
export const receiverSettings = z.strictObject({
  cloud: z
    .strictObject({
      url: brokerUrl.describe('The broker to which the edges send: mqtt://, mqtts://, ws:// or wss://'),
      clientId: z
        .string()
        .min(1)
        .max(128)
        .default('tidegate-receiver')
        .describe('Its session at the broker; one receiver, one id'),
      username,
      password,
      prefix,
      ...connection({ backoffMaxMs: 60_000 }),
    })
    .refine(backoffInOrder, backoffProblem)
    .describe('The broker between the edges and this receiver'),
  data: z.string().min(1).default('./received').describe('Folder of received.db, relative to the settings file'),
  batchBytesMax: bytes.default(1_048_576).describe('A larger batch is rejected without being opened'),
  batchReadingsMax: count.default(1_000_000).describe('A batch that unpacks to more is rejected'),
  log: log.prefault({}).describe('What is logged'),
})

export type EdgeSettings = z.output<typeof edgeSettings>
export type ReceiverSettings = z.output<typeof receiverSettings>
export type BrokerSettings = EdgeSettings['broker']
export type WebSettings = EdgeSettings['web']
export type RouteSettings = EdgeSettings['routes'][number]
export type IngestSettings = EdgeSettings['ingest']
export type StoreSettings = EdgeSettings['store']
export type UplinkSettings = z.output<typeof uplink>
export type CloudSettings = ReceiverSettings['cloud']
