import { z } from 'zod'

export const name = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 of A–Z a–z 0–9 . _ -')
export const port = z.number().int().min(0).max(65_535)
export const ms = z.number().int().min(0)
export const count = z.number().int().min(1)
export const bytes = z.number().int().min(1)

export const brokerUrl = z.url({
  protocol: /^(mqtts?|wss?)$/,
  error: 'must be a URL that begins with mqtt://, mqtts://, ws:// or wss://',
})
export const prefix = z
  .string()
  .regex(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/, 'must be levels of A–Z a–z 0–9 . _ - with / between them')
  .default('tidegate')
  .describe('First levels of every topic on the cloud broker')
export const username = z.string().optional().describe('Name at the cloud broker')
/** `writeOnly` marks a secret: it is never printed and can come from a file (`password_file`). */
export const password = z.string().optional().meta({ description: 'Password at the cloud broker', writeOnly: true })

/** A check across parts runs although a part has problems of its own, so that all are told at once. */
export const inAnyCase = { when: ({ value }: { value: unknown }) => typeof value === 'object' && value !== null }

/** How a client of the cloud broker connects, keeps the connection and comes back; `backoffMaxMs` differs by side. */
export const connection = (defaults: { backoffMaxMs: number }) => ({
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
    .describe('Least severity written to standard error'),
})
