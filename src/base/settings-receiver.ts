import { z } from 'zod'
import {
  backoffInOrder,
  backoffProblem,
  brokerUrl,
  bytes,
  connection,
  count,
  log,
  password,
  prefix,
  username,
} from './settings-fields.ts'

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

export type ReceiverSettings = z.output<typeof receiverSettings>
export type CloudSettings = ReceiverSettings['cloud']
