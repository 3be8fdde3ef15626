import { z } from 'zod'
import { backup } from './schema/backup.ts'
import { clientState } from './schema/client-state.ts'
import { clock } from './schema/clock.ts'
import { config } from './schema/config.ts'
import { downProblems } from './schema/down-routes.ts'
import { bytes, count, inAnyCase, log, ms, name, port } from './schema/fields.ts'
import { qualityRule } from './schema/quality.ts'
import { retentionRule } from './schema/retention.ts'
import { forwardsNowhere, route } from './schema/routes.ts'
import { uplink } from './schema/uplink.ts'
import { web } from './schema/web.ts'

const endpoint = (defaults: { host: string; port: number }) =>
  z
    .strictObject({
      host: z.string().min(1).default(defaults.host).describe('Address to listen on; 0.0.0.0: all IPv4 addresses'),
      port: port.default(defaults.port).describe('TCP port; 0: any free port'),
    })
    .prefault({})

const broker = z.strictObject({
  tcp: endpoint({ host: '0.0.0.0', port: 1883 }).describe('Where devices connect'),
  connectionsMax: count
    .default(10_000)
    .describe('Maximum number of connections; any further connection is closed at once'),
  connectionsPerAddressMax: count
    .optional()
    .describe(
      'Maximum number of connections from one address (IPv6: from one /64 network); any further connection is closed at ' +
        'once. Default: 90 % of `connectionsMax`, so that the others always find room',
    ),
  packetBytesMax: bytes
    .min(128)
    .max(268_435_455)
    .default(1_048_576)
    .describe(
      'Maximum size of an MQTT packet; a larger one closes its connection at the length field, before the rest is read',
    ),
  connectTimeoutMs: ms
    .min(100)
    .default(10_000)
    .describe('A client that is not connected (MQTT CONNECT) after this time is disconnected'),
  pendingPerClientMax: count
    .default(1_000)
    .describe(
      'Maximum number of publishes of one client that are not on disk yet; at this limit its socket is not read',
    ),
  pendingBytesMax: bytes
    .default(33_554_432)
    .describe(
      'Maximum bytes (payload and topic) of all clients that are not on disk yet; one client may have a quarter of what is ' +
        'free, and beyond that its socket is not read. Incomplete packets of all connections may take as many bytes again; ' +
        'beyond it, the connection with the oldest large one is closed',
    ),
  ...clientState,
  slowSubscriberBytesMax: bytes
    .default(8_388_608)
    .describe('A local subscriber with more unread bytes than this is disconnected'),
  unrouted: z
    .enum(['store', 'refuse', 'ack'])
    .default('store')
    .describe(
      'What happens to a message whose topic has no route and no local subscriber: `store` keeps it on disk before it is ' +
        'acknowledged (`tidegate unrouted`, `store.unroutedMax`); `refuse` does not acknowledge it and closes the ' +
        'connection after 5 s; `ack` acknowledges and drops it. It is counted in any case',
    ),
  reportUnrouted: z
    .boolean()
    .default(true)
    .describe(
      'Report messages as a problem that have no route for their topic and no local subscriber, and are not retained. ' +
        'They are counted in any case',
    ),
})

const ingest = z.strictObject({
  commitDelayMs: ms
    .max(10_000)
    .default(0)
    .describe(
      'Wait this long before a commit so that it collects more publishes: fewer flash writes, later acknowledgements',
    ),
  batchMessagesMax: count.max(65_535).default(4_096).describe('Maximum number of publishes in one commit'),
  batchBytesMax: bytes
    .default(4_194_304)
    .describe('Maximum bytes (payload and topic) in one commit (a single larger publish gets its own commit)'),
})

const store = z
  .strictObject({
    maxBytes: bytes
      .min(1_048_576)
      .optional()
      .describe(
        'Maximum size of tidegate.db, without its WAL; default: no limit. Near it, confirmed history is removed, ' +
          'then `whenFull` applies',
      ),
    freeBytesMin: bytes
      .optional()
      .describe(
        'Free space to leave on the disk; default: 5 % of the disk, at most 1 GiB. Near it, confirmed history is ' +
          'removed, then `whenFull` applies',
      ),
    whenFull: z
      .enum(['refuse', 'thin', 'drop-oldest'])
      .default('refuse')
      .describe(
        'When the store is full and has no confirmed readings left to remove: `refuse` does not acknowledge new ' +
          'readings, so devices keep them; `thin` removes unconfirmed readings as `retention[].thinS` says; ' +
          '`drop-oldest` removes the oldest unconfirmed readings. The ledger counts what is removed',
      ),
    retention: z
      .array(retentionRule)
      .max(10_000)
      .default([])
      .describe(
        'How long readings are kept, by series; the first match wins. Unconfirmed readings are never removed ' +
          'because of their age',
      ),
    archive: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Folder for the removed readings of rules with `archive: true`, as Parquet files by UTC day; relative to ' +
          '`data`',
      ),
    backup: backup.prefault({}).describe('Backups of the store that the edge makes by itself'),
    seriesMax: count
      .max(10_000_000)
      .default(100_000)
      .describe(
        'Maximum number of series; a message that needs another one is not acknowledged (with QoS 0: kept as a reject)',
      ),
    seriesPerClientMax: count
      .max(10_000_000)
      .optional()
      .describe(
        'Maximum number of series that one client (by its client id) can create; default: 90 % of `seriesMax`, so that ' +
          'a client with random topics leaves room for others',
      ),
    seriesPerDeviceMax: count
      .max(10_000_000)
      .optional()
      .describe('Maximum number of series of one device; default: a quarter of `seriesMax`, but at least 1,000'),
    rejectsMax: count
      .default(10_000)
      .describe('Maximum number of rejects (undecodable messages) kept; the oldest are removed first, and counted'),
    rejectsBytesMax: bytes
      .default(67_108_864)
      .describe(
        'Maximum bytes of rejects kept (payload, texts and 128 bytes each), never more than an eighth of `maxBytes`; the ' +
          'oldest are removed first, and of a client with more than half of them, its own. When room is short, rejects ' +
          'are removed before any reading',
      ),
    rejectPayloadBytesMax: bytes
      .default(65_536)
      .describe('Payload bytes kept of one reject; a longer payload is cut and flagged'),
    unroutedMax: count
      .default(100_000)
      .describe(
        'Maximum number of messages without a route that are kept (`broker.unrouted: store`); the oldest are dropped ' +
          'first, and counted',
      ),
    unroutedBytesMax: bytes
      .min(65_536)
      .default(67_108_864)
      .describe(
        'Maximum bytes of these messages (payload, texts and 128 bytes each), never more than an eighth of `maxBytes`; ' +
          'the oldest are dropped first, and of a client with more than half of them, its own. When room is short, ' +
          'they are dropped before any reading is refused',
      ),
    forwardBytesMax: bytes
      .min(65_536)
      .default(268_435_456)
      .describe(
        'Maximum bytes of messages kept for forwarding (payload, topic and 128 bytes each), never more than a ' +
          'quarter of `maxBytes`; beyond it new messages are not acknowledged',
      ),
    downMax: count
      .default(10_000)
      .describe(
        'Maximum number of messages from the cloud that wait for local clients (`direction: down`); beyond it the cloud ' +
          'broker keeps them',
      ),
    downBytesMax: bytes
      .min(65_536)
      .default(16_777_216)
      .describe(
        'Maximum bytes of these messages (payload, topic and 128 bytes each), never more than an eighth of `maxBytes`; ' +
          'beyond it the cloud broker keeps them. A message larger than an eighth of it is refused, and counted',
      ),
    repeatWindow: count
      .max(10_000_000)
      .default(250_000)
      .describe('Number of latest readings among which a repeated publish is recognised'),
    sealRows: count
      .min(64)
      .max(1_000_000)
      .default(65_536)
      .describe(
        'Number of readings in the log that are sealed into compressed blocks together; up to four times as many ' +
          'if there are many series',
      ),
    sealAgeMs: ms
      .min(1_000)
      .default(86_400_000)
      .describe('Readings are sealed after this time at the latest, even if there are fewer than `sealRows`'),
    checkpointPages: count
      .default(2_000)
      .describe('Number of WAL pages (4 KiB each) after which a checkpoint moves the WAL into the database file'),
  })
  .refine(({ retention, archive }) => archive !== undefined || !(retention ?? []).some((rule) => rule?.archive), {
    path: ['archive'],
    error: 'is missing, but a rule of `retention` says `archive: true`',
    ...inAnyCase,
  })

function unique(names: readonly (string | undefined)[]): boolean {
  const given = names.filter((one) => one !== undefined)
  return new Set(given).size === given.length
}

/** Whether an uplink has that name. Uplinks that are invalid by themselves may have any value here. */
function names(uplinks: readonly { name?: string }[] | undefined, wanted: string | undefined): boolean {
  return wanted === undefined || (uplinks ?? []).some((one) => one?.name === wanted)
}

/** Whether broker and web server would use the same address. Either may have any value if it is invalid by itself. */
function oneAddress(
  tcp: Partial<z.output<typeof broker>['tcp']> = {},
  page: Partial<z.output<typeof web>> = {},
): boolean {
  const { host, port } = tcp
  if (port === undefined || port === 0 || port !== page.port || page.enabled === false) return false
  return host === page.host || host === '0.0.0.0' || page.host === '0.0.0.0'
}

/**
 * Settings of an edge, as `tidegate run -s FILE` reads them. Unknown keys are refused, because they are misspellings.
 */
export const edgeSettings = z
  .strictObject({
    edge: name.describe('Name of this site; must be unique among the edges of one cloud'),
    data: z.string().min(1).default('./data').describe('Folder of tidegate.db, relative to the settings file'),
    broker: broker.prefault({}).describe('How devices connect, and limits for them'),
    routes: z
      .array(route)
      .min(1)
      .max(1_000)
      .prefault([{ topic: 'telemetry/{device}/{metric}' }, { topic: 'telemetry/{device}' }])
      .describe(
        'Topics that carry readings, or messages to forward, or messages from the cloud; the first match wins. What is on no route goes to local ' +
          'subscribers, or is handled as `broker.unrouted` says',
      ),
    quality: z.array(qualityRule).max(10_000).default([]).describe('Checks of readings; the first match wins'),
    ingest: ingest.prefault({}).describe('How publishes are collected into commits'),
    store: store.prefault({}).describe('What is kept on disk, and how much'),
    uplinks: z
      .array(uplink)
      .max(8)
      .default([])
      .refine((all) => unique(all.map((one) => one?.name)), { error: 'two uplinks have the same name', ...inAnyCase })
      .describe(
        'Where readings are sent; each uplink has its own confirmations. Without an uplink, the edge only stores them',
      ),
    config: config
      .prefault({})
      .describe('How device configs come down from the cloud, and how edits on both sides are merged (docs/config.md)'),
    clock: clock.prefault({}).describe('The system clock, and how Tidegate knows that it is right (docs/clock.md)'),
    web: web
      .prefault({})
      .describe(
        'Status, health and history over HTTP: `/api/status`, `/healthz`, `/livez`, `/api/history`, `/api/latest`, ' +
          '`/api/devices`',
      ),
    log: log.prefault({}).describe('What is logged'),
  })
  .refine(({ broker, web }) => !oneAddress(broker?.tcp, web), {
    path: ['web', 'port'],
    error: 'is already the port of `broker.tcp` at the same address',
    ...inAnyCase,
  })
  .refine(({ config, uplinks }) => names(uplinks, config?.uplink), {
    path: ['config', 'uplink'],
    error: 'is not the name of an uplink',
    ...inAnyCase,
  })
  .superRefine((given, context) => {
    for (const { path, text } of [...forwardsNowhere(given), ...downProblems(given)])
      context.addIssue({ code: 'custom', path, message: text })
  }, inAnyCase)

export type EdgeSettings = z.output<typeof edgeSettings>
export type BrokerSettings = EdgeSettings['broker']
export type WebSettings = EdgeSettings['web']
export type RouteSettings = EdgeSettings['routes'][number]
export type IngestSettings = EdgeSettings['ingest']
export type StoreSettings = EdgeSettings['store']
