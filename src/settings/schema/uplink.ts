import { z } from 'zod'
import { preset } from '../presets/presets.ts'
import {
  backoffInOrder,
  backoffProblem,
  brokerUrl,
  bytes,
  connection,
  count,
  inAnyCase,
  ms,
  name,
  password,
  prefix,
  username,
} from './fields.ts'
import { confirmable, confirmableProblem, formats } from './formats.ts'
import { tls, tlsProblem, tlsWanted } from './tls.ts'

const START = 'must be all, now, or a time such as 2026-01-31T08:00:00Z'

const budget = z.strictObject({
  bytesPerSecond: bytes
    .min(1_024)
    .optional()
    .describe('Maximum bytes per second, both directions together; the average over any 5 seconds never exceeds it'),
  bytesPerDay: bytes.optional().describe('Maximum bytes in a UTC day; the count is kept across restarts'),
  bytesPerMonth: bytes.optional().describe('Maximum bytes in a UTC month; the count is kept across restarts'),
  windows: z
    .array(z.string().regex(/^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/, 'must have the form 22:00-06:00'))
    .max(24)
    .default([])
    .describe('Times of day (local time of this machine) at which the backlog may be sent; none: always'),
  whenSpent: z
    .enum(['live-only', 'pause'])
    .default('live-only')
    .describe(
      'When the day or month budget is used up: `live-only` still sends new readings; `pause` sends nothing until ' +
        'the next day or month',
    ),
})

export const uplink = z
  .strictObject({
    name: name.default('cloud').describe('Name of this uplink in the ledger and the log; must be unique in this file'),
    url: brokerUrl.describe('URL of the cloud broker: mqtt://, mqtts://, ws:// or wss://, host and port'),
    preset,
    tls: tls.describe('TLS for an mqtts:// or wss:// link; the files are read again at every connection'),
    confirm: z
      .enum(['receipt', 'puback'])
      .default('receipt')
      .describe(
        'When a reading counts as delivered: `receipt`: when the receiver confirms that it is stored; `puback`: ' +
          'when the broker acknowledges it',
      ),
    ...formats,
    clientId: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .describe('Client id at the cloud broker; default: tidegate-{edge}-{name}'),
    username,
    password,
    prefix,
    lingerMs: ms
      .max(3_600_000)
      .default(200)
      .describe('Hold a reading for at most this long so that a batch can fill up'),
    batchBytesMax: bytes.min(1_024).default(131_072).describe('Maximum size of a batch, compressed'),
    // Sealed readings are unpacked 65,536 at a time: 22,000 makes three batches of them, 20,000 would make four.
    batchReadingsMax: count.max(1_000_000).default(22_000).describe('Maximum number of readings in one batch'),
    window: count
      .max(1_000)
      .default(64)
      .describe('Maximum number of batches in flight; the number starts at one and grows while answers arrive quickly'),
    windowBytes: bytes.min(1_024).default(8_388_608).describe('Maximum number of bytes in flight'),
    backfill: z
      .strictObject({
        share: z
          .number()
          .min(0.01)
          .max(1)
          .default(0.2)
          .describe('Minimum part of window and budget for the backlog while new readings arrive'),
      })
      .prefault({})
      .describe('How the backlog of an outage is sent together with new readings'),
    budget: budget
      .prefault({})
      .describe('Limits for the traffic of the link, counted in bytes on the wire; default: no limits'),
    start: z
      .union([z.enum(['all', 'now']), z.iso.datetime({ offset: true, error: START })], START)
      .default('all')
      .describe(
        'Which of the readings that are already stored a new uplink sends: `all`, none (`now`), or those that ' +
          'arrived since a time (ISO 8601)',
      ),
    confirmTimeoutMs: ms
      .min(100)
      .default(15_000)
      .describe('If a batch has no answer after this time, the connection is closed and opened again'),
    ...connection,
    statusEveryMs: ms.min(1_000).default(30_000).describe('Time between two status reports of this edge to the cloud'),
    statusRetain: z
      .boolean()
      .default(true)
      .describe('Whether the cloud broker retains the latest status report, and the message that the edge is offline'),
  })
  .refine(backoffInOrder, backoffProblem)
  .refine(tlsWanted, tlsProblem)
  .refine(confirmable, { ...confirmableProblem, ...inAnyCase })

export type UplinkSettings = z.output<typeof uplink>
