import { z } from 'zod'
import { backup } from './schema/backup.ts'
import { config } from './schema/config.ts'
import { bytes, count, inAnyCase, log, ms, name, port } from './schema/fields.ts'
import { qualityRule } from './schema/quality.ts'
import { retentionRule } from './schema/retention.ts'
import { forwardsNowhere, route } from './schema/routes.ts'
import { uplink } from './schema/uplink.ts'

const endpoint = (defaults: { host: string; port: number }) =>
  z
    .strictObject({
      host: z.string().min(1).default(defaults.host).describe('Address to listen on; 0.0.0.0 is every IPv4 address'),
      port: port.default(defaults.port).describe('0 takes a free one'),
    })
    .prefault({})

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
    forwardBytesMax: bytes
      .min(65_536)
      .default(268_435_456)
      .describe(
        'Bytes of messages kept for forwarding (payload, topic and 128 each), never more than a quarter of `maxBytes`; ' +
          'above it new ones are not acknowledged',
      ),
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

const web = z.strictObject({
  enabled: z.boolean().default(true).describe('false: nothing is served over HTTP'),
  host: z.string().default('127.0.0.1').describe('Address to listen on; the default is reached from this machine only'),
  port: port.default(8080).describe('0 takes a free one'),
})
function unique(names: readonly (string | undefined)[]): boolean {
  const given = names.filter((one) => one !== undefined)
  return new Set(given).size === given.length
}

/** Whether an uplink has that name; parts with problems of their own may be anything. */
function names(uplinks: readonly { name?: string }[] | undefined, wanted: string | undefined): boolean {
  return wanted === undefined || (uplinks ?? []).some((one) => one?.name === wanted)
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
      .prefault([{ topic: 'telemetry/{device}/{metric}' }, { topic: 'telemetry/{device}' }])
      .describe(
        'Topics that carry readings, or messages that are forwarded; the first match wins; others are ordinary MQTT',
      ),
    quality: z.array(qualityRule).max(10_000).default([]).describe('Checks of readings; the first match wins'),
    ingest: ingest.prefault({}).describe('How publishes are gathered into commits'),
    store: store.prefault({}).describe('What is kept on disk'),
    uplinks: z
      .array(uplink)
      .max(8)
      .default([])
      .refine((all) => unique(all.map((one) => one?.name)), { error: 'two uplinks have the same name', ...inAnyCase })
      .describe('Where readings are sent; each uplink has its own confirmations'),
    config: config.prefault({}).describe('How configs of devices come down, and what becomes of edits on both sides'),
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
  .refine(({ config, uplinks }) => names(uplinks, config?.uplink), {
    path: ['config', 'uplink'],
    error: 'names no uplink of `uplinks`',
    ...inAnyCase,
  })
  .superRefine((given, context) => {
    for (const { path, text } of forwardsNowhere(given)) context.addIssue({ code: 'custom', path, message: text })
  }, inAnyCase)

export type EdgeSettings = z.output<typeof edgeSettings>
export type BrokerSettings = EdgeSettings['broker']
export type WebSettings = EdgeSettings['web']
export type RouteSettings = EdgeSettings['routes'][number]
export type IngestSettings = EdgeSettings['ingest']
export type StoreSettings = EdgeSettings['store']
