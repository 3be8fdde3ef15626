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

const budget = z.strictObject({
  bytesPerSecond: bytes.min(1_024).optional().describe('Both ways together; never exceeded over any 5 seconds'),
  bytesPerDay: bytes.optional().describe('In a UTC day, kept across restarts'),
  bytesPerMonth: bytes.optional().describe('In a UTC month, kept across restarts'),
  windows: z
    .array(z.string().regex(/^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/, 'must look like 22:00-06:00'))
    .max(24)
    .default([])
    .describe('Times of the day (of this machine) in which the backlog may be sent; without any always'),
  whenSpent: z
    .enum(['live-only', 'pause'])
    .default('live-only')
    .describe('Budget of the day or month spent: only new readings go out, or nothing until the next'),
})

export const uplink = z
  .strictObject({
    name: name.default('cloud').describe('Its own name in ledger and log; unique in this file'),
    url: brokerUrl.describe('The cloud broker: mqtt://, mqtts://, ws:// or wss://, host and port'),
    preset,
    tls: tls.describe('How an mqtts:// or wss:// link is secured; its files are read again at every connection'),
    confirm: z
      .enum(['receipt', 'puback'])
      .default('receipt')
      .describe('What marks a reading as delivered: the answer of the receiver, or that of the broker alone'),
    ...formats,
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
    // Sealed readings are opened 65,536 at a time: they leave in three batches, and with 20,000 in four.
    batchReadingsMax: count.max(1_000_000).default(22_000).describe('Readings in one batch'),
    window: count
      .max(1_000)
      .default(64)
      .describe('Batches on their way at once, at most; it grows while answers stay quick'),
    windowBytes: bytes.min(1_024).default(8_388_608).describe('Bytes on their way at once, at most'),
    backfill: z
      .strictObject({
        share: z
          .number()
          .min(0.01)
          .max(1)
          .default(0.2)
          .describe('Part of window and budget that the backlog has at least while new readings come in'),
      })
      .prefault({})
      .describe('How the backlog of an outage is sent beside new readings'),
    budget: budget
      .prefault({})
      .describe('What the link may cost, counted in bytes on the wire; without it nothing is saved'),
    start: z
      .union([z.enum(['all', 'now']), z.iso.datetime({ offset: true })])
      .default('all')
      .describe(
        'Of what is stored already a new uplink sends `all`, nothing (`now`), or what arrived since a time (ISO 8601)',
      ),
    confirmTimeoutMs: ms.min(100).default(15_000).describe('Without an answer for so long the connection is made anew'),
    ...connection({ backoffMaxMs: 300_000 }),
    statusEveryMs: ms.min(1_000).default(30_000).describe('Pause between two reports of this edge to the cloud'),
    statusRetain: z
      .boolean()
      .default(true)
      .describe('Whether the cloud broker keeps the latest report, and that the edge is gone, for who asks later'),
  })
  .refine(backoffInOrder, backoffProblem)
  .refine(tlsWanted, tlsProblem)
  .refine(confirmable, { ...confirmableProblem, ...inAnyCase })

export type UplinkSettings = z.output<typeof uplink>
