import { z } from 'zod'
import { preset } from './presets/presets.ts'
import { configSchemas } from './schema/config-files.ts'
import {
  backoffInOrder,
  backoffProblem,
  brokerUrl,
  bytes,
  connection,
  count,
  log,
  ms,
  password,
  prefix,
  username,
} from './schema/fields.ts'
import { tls, tlsProblem, tlsWanted } from './schema/tls.ts'

/** A URL may contain a password, so the whole URL is a secret. */
const sinkUrl = z
  .url({ protocol: /^postgres(ql)?$/, error: 'must be a URL that begins with postgres://' })
  .optional()
  .meta({
    description:
      'Store in PostgreSQL instead of received.db: postgres://user@host:port/database?sslmode=verify-full ' +
      '(docs/postgresql.md)',
    writeOnly: true,
  })

const postgres = z.strictObject({
  password: z.string().optional().meta({
    description: 'Password for PostgreSQL, if the URL has none',
    writeOnly: true,
  }),
  schema: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,39}$/, 'must be 1 to 40 of a–z 0–9 _, beginning with a letter or _')
    .default('tidegate')
    .describe('Schema for the tables; created if it does not exist'),
  connections: count.max(100).default(2).describe('Maximum number of connections to PostgreSQL'),
  connectTimeoutMs: ms.min(100).default(10_000).describe('Time limit for an attempt to connect'),
  statementTimeoutMs: ms
    .min(100)
    .default(30_000)
    .describe(
      'Time limit for a statement; if it takes longer, it is cancelled, none of its batches is stored, and the ' +
        'edges send them again',
    ),
})

/** Device configs in the cloud. */
const config = z.strictObject({
  enabled: z
    .boolean()
    .optional()
    .describe(
      'Config sync. Default: true, but false with preset `aws-iot-core` or `azure-event-grid`, whose brokers ' +
        'close the connection over topics that their policy does not allow',
    ),
  schemas: configSchemas,
  devicesMax: count
    .max(1_000_000)
    .default(100_000)
    .describe('Devices, of all edges together, that can have a config; a config for one more is not accepted'),
  changesMax: count
    .max(1_000_000)
    .default(10_000)
    .describe('Maximum number of rows in the change log; the oldest are removed first'),
  changesDays: count.max(3_650).default(30).describe('Days for which rows of the change log are kept'),
})

/** Settings of a receiver, as `tidegate receive -s FILE` reads them. */
export const receiverSettings = z.strictObject({
  cloud: z
    .strictObject({
      url: brokerUrl.describe(
        'URL of the broker that the edges send to: mqtt://, mqtts://, ws:// or wss://, host and port',
      ),
      preset,
      tls: tls.describe('TLS for an mqtts:// or wss:// link; the files are read again at every connection'),
      clientId: z
        .string()
        .min(1)
        .max(128)
        .optional()
        .describe('Client id at the broker; each receiver needs its own. Default: derived from host name and `data`'),
      group: z
        .string()
        .regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 of A–Z a–z 0–9 . _ -')
        .default('tidegate')
        .describe('Receivers of one group share the batches if the broker supports shared subscriptions (MQTT 5)'),
      sessionExpiryS: z
        .number()
        .int()
        .min(0)
        .max(604_800)
        .default(10)
        .describe(
          'Seconds for which the broker keeps the session of a disconnected receiver, with the batches for it; ' +
            'must be shorter than `confirmTimeoutMs` of the edges',
        ),
      username,
      password,
      prefix,
      ...connection,
    })
    .refine(backoffInOrder, backoffProblem)
    .refine(tlsWanted, tlsProblem)
    .describe('The broker between the edges and this receiver'),
  data: z.string().min(1).default('./received').describe('Folder of received.db, relative to the settings file'),
  sink: sinkUrl,
  postgres: postgres.prefault({}).describe('How the receiver uses PostgreSQL (`sink`)'),
  batchBytesMax: bytes
    .default(1_048_576)
    .describe('Maximum size of a batch; a larger one is rejected without being decoded'),
  batchReadingsMax: count
    .default(100_000)
    .describe(
      'Maximum number of readings in a batch; a batch with more is rejected, and the edge sends it again in two parts',
    ),
  edgesMax: count
    .max(1_000_000)
    .default(10_000)
    .describe('Maximum number of edges with readings; a batch of one more edge is rejected'),
  epochsPerEdgeMax: count
    .max(1_000_000)
    .default(1_000)
    .describe(
      'Maximum number of epochs of one edge, which begins one when its database was set back or is new; a batch of ' +
        'one more epoch is rejected',
    ),
  seriesPerEdgeMax: count
    .max(100_000_000)
    .default(1_000_000)
    .describe('Maximum number of series that one edge may create; a batch that needs one more is rejected'),
  config: config.prefault({}).describe('Device configs (docs/config-cloud.md)'),
  log: log.prefault({}).describe('What is logged'),
})

export type ReceiverSettings = z.output<typeof receiverSettings>
export type PostgresSettings = ReceiverSettings['postgres']
export type CloudSettings = ReceiverSettings['cloud']
