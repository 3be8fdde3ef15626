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

/** A URL may hold a password, so it is a secret as a whole. */
const sinkUrl = z
  .url({ protocol: /^postgres(ql)?$/, error: 'must be a URL that begins with postgres://' })
  .optional()
  .meta({
    description:
      'PostgreSQL instead of received.db: postgres://user@host:port/database?sslmode=verify-full (docs/postgresql.md)',
    writeOnly: true,
  })

const postgres = z.strictObject({
  password: z.string().optional().meta({
    description: 'Password at PostgreSQL, where the URL has none',
    writeOnly: true,
  }),
  schema: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,39}$/, 'must be 1 to 40 of a–z 0–9 _, beginning with a letter or _')
    .default('tidegate')
    .describe('Its tables lie in this schema, which is made if need be'),
  connections: count.max(100).default(2).describe('Connections at once, at most'),
  connectTimeoutMs: ms.min(100).default(10_000).describe('An attempt to connect is given up after so long'),
  statementTimeoutMs: ms
    .min(100)
    .default(30_000)
    .describe('A statement that takes longer is ended: nothing of its batches is stored, and they come again'),
})

/** What the cloud keeps of the configs of devices. */
const config = z.strictObject({
  enabled: z
    .boolean()
    .optional()
    .describe(
      'false: nothing is done about configs. Default: true, but false with preset `aws-iot-core` or `azure-event-grid`, whose ' +
        'brokers end a connection over topics that their policy does not name',
    ),
  schemas: configSchemas,
  devicesMax: count
    .max(1_000_000)
    .default(100_000)
    .describe('Devices of all edges that may have a config; of one more nothing is taken'),
  changesMax: count.max(1_000_000).default(10_000).describe('Rows of the change log; the oldest go first'),
  changesDays: count.max(3_650).default(30).describe('Rows of the change log that are older go'),
})

/** Settings of a receiver, as `tidegate receive -s FILE` reads them. */
export const receiverSettings = z.strictObject({
  cloud: z
    .strictObject({
      url: brokerUrl.describe('The broker to which the edges send: mqtt://, mqtts://, ws:// or wss://'),
      preset,
      tls: tls.describe('How an mqtts:// or wss:// link is secured; its files are read again at every connection'),
      clientId: z
        .string()
        .min(1)
        .max(128)
        .optional()
        .describe('Its session at the broker; one receiver, one id. Default: made of the host and of `data`'),
      group: z
        .string()
        .regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 of A–Z a–z 0–9 . _ -')
        .default('tidegate')
        .describe('Receivers of one group share the batches, where the broker has shared subscriptions (MQTT 5)'),
      sessionExpiryS: z
        .number()
        .int()
        .min(0)
        .max(604_800)
        .default(10)
        .describe(
          'So long the broker keeps the share of a receiver that is away; below `confirmTimeoutMs` of the edges',
        ),
      username,
      password,
      prefix,
      ...connection({ backoffMaxMs: 60_000 }),
    })
    .refine(backoffInOrder, backoffProblem)
    .refine(tlsWanted, tlsProblem)
    .describe('The broker between the edges and this receiver'),
  data: z.string().min(1).default('./received').describe('Folder of received.db, relative to the settings file'),
  sink: sinkUrl,
  postgres: postgres.prefault({}).describe('How `sink` is used'),
  batchBytesMax: bytes.default(1_048_576).describe('A larger batch is rejected without being opened'),
  batchReadingsMax: count.default(1_000_000).describe('A batch that unpacks to more is rejected'),
  config: config.prefault({}).describe('The configs of devices (docs/config-cloud.md)'),
  log: log.prefault({}).describe('What is logged'),
})

export type ReceiverSettings = z.output<typeof receiverSettings>
export type PostgresSettings = ReceiverSettings['postgres']
export type CloudSettings = ReceiverSettings['cloud']
