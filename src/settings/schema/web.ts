import { z } from 'zod'
import { bytes, count, ms, port } from './fields.ts'

/** Status, health and history over HTTP. */
export const web = z.strictObject({
  enabled: z.boolean().default(true).describe('false: no HTTP server'),
  host: z
    .string()
    .default('127.0.0.1')
    .describe('Address to listen on; the default is reachable from this machine only'),
  port: port.default(8080).describe('TCP port; 0: any free port'),
  hosts: z
    .array(z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, 'must be a host name without port'))
    .max(32)
    .default([])
    .describe(
      'Further host names under which clients or a proxy reach this server. A request for any other name gets a 421; ' +
        'IP addresses, localhost and the name of the machine are always accepted',
    ),
  connectionsMax: count
    .max(10_000)
    .default(256)
    .describe('Maximum number of connections, half of them from one address; any further connection is closed at once'),
  requestTimeoutMs: ms
    .min(100)
    .default(10_000)
    .describe('A client that has not sent its whole request after this time is disconnected'),
  answerTimeoutMs: ms
    .min(100)
    .default(120_000)
    .describe(
      'A client that has not read its whole answer after this time is disconnected (after 30 s if it reads nothing)',
    ),
  answerBytesMax: bytes
    .default(33_554_432)
    .describe('Maximum bytes of answers that clients have not read yet; beyond it, requests get a 503'),
})
