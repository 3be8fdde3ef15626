import { z } from 'zod'
import { hasCredentials } from '../../base/text/shown-url.ts'

export const name = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 of A–Z a–z 0–9 . _ -')
export const port = z.number().int().min(0).max(65_535)
export const ms = z.number().int().min(0)
export const count = z.number().int().min(1)
export const bytes = z.number().int().min(1)

/** URLs are printed, so a password has no place in them. `load` moves one that it can separate. */
export const brokerUrl = z
  .url({
    protocol: /^(mqtts?|wss?)$/,
    error: 'must be a URL that begins with mqtt://, mqtts://, ws:// or wss://',
  })
  .refine((url) => !hasCredentials(url), {
    error:
      'contains a `@`, which belongs to a user name or password: set `username` and `password_file` instead (write %40 ' +
      'for a @ in the path)',
  })
/** Levels of a prefix: the topics below it must stay within `CLOUD_LEVELS_MAX`. */
const PREFIX_LEVELS_MAX = 16
export const prefix = z
  .string()
  .regex(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/, 'must be levels of A–Z a–z 0–9 . _ - with / between them')
  .refine((text) => text.split('/').length <= PREFIX_LEVELS_MAX, `must have at most ${PREFIX_LEVELS_MAX} levels`)
  .default('tidegate')
  .describe('First level or levels of every topic on the cloud broker')
export const username = z.string().optional().describe('User name at the cloud broker')
/** `writeOnly` marks a secret: it is never printed and can come from a file (`password_file`). */
export const password = z.string().optional().meta({ description: 'Password at the cloud broker', writeOnly: true })

/** Runs a check across several settings even if one of them is invalid, so that all problems are reported at once. */
export const inAnyCase = { when: ({ value }: { value: unknown }) => typeof value === 'object' && value !== null }

/** How a client of the cloud broker connects, keeps the connection and reconnects. */
export const connection = {
  presence: z
    .boolean()
    .default(true)
    .describe(
      'The receiver retains its status at `{prefix}/$receiver`, and edges subscribe to it, so that they notice at once ' +
        'when it is back. Default: true, but false with preset `aws-iot-core` or `azure-event-grid`, whose brokers ' +
        'close the connection over topics that their policy does not allow',
    ),
  connectTimeoutMs: ms.min(100).default(10_000).describe('Time limit for an attempt to connect'),
  keepaliveS: z
    .number()
    .int()
    .min(1)
    .max(65_535)
    .default(30)
    .describe('MQTT keep alive: after this many seconds without traffic the link is checked with a ping'),
  backoffMinMs: ms
    .min(10)
    .default(1_000)
    .describe(
      'The first pause before reconnecting is random, between 0 and this; the upper bound doubles with every failure',
    ),
  backoffMaxMs: ms
    .min(10)
    .default(30_000)
    .describe(
      'The upper bound of the pause before reconnecting grows up to this value; the pause ends early when the broker ' +
        'accepts TCP connections again, or the addresses or routes of this machine change',
    ),
}
export const backoffInOrder = ({
  backoffMinMs,
  backoffMaxMs,
}: {
  backoffMinMs: number
  backoffMaxMs: number
}): boolean => !(backoffMinMs > backoffMaxMs)
export const backoffProblem = { path: ['backoffMaxMs'], error: 'must not be below `backoffMinMs`', ...inAnyCase }

/** What is logged. */
export const log = z.strictObject({
  level: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('Lowest level that is written to standard error'),
})
