import { z } from 'zod'
import { topicProblem } from '../../base/topics.ts'

/** Formats for other programs, which do not answer with receipts. */
const READABLE = ['json', 'message', 'sparkplug'] as const

const SITE = ['prefix', 'edge'] as const
const SERIES = ['device', 'metric'] as const

/** Why this is not a valid topic template for readings; undefined: it is. */
function templateProblem(template: string, placeholders: readonly string[]): string | undefined {
  const problem = topicProblem(template)
  if (problem !== undefined) return problem
  for (const level of template.split('/')) {
    for (const [placeholder] of level.matchAll(/\{[^}]*\}?|\}/g)) {
      const key = placeholder.slice(1, -1)
      if (!placeholders.includes(key)) {
        return `unknown placeholder "${placeholder}"; known: ${placeholders.map((one) => `{${one}}`).join(', ')}`
      }
      if (SERIES.some((one) => one === key) && level !== placeholder) {
        return `{${key}} must be a whole level, not part of "${level}"`
      }
    }
  }
  return undefined
}

const topicOf = (placeholders: readonly string[]) =>
  z.string().refine((topic) => templateProblem(topic, placeholders) === undefined, {
    error: ({ input }) => templateProblem(String(input), placeholders),
  })

const namesSeries = (topic: string): boolean => SERIES.every((one) => topic.split('/').includes(`{${one}}`))

const json = z.strictObject({
  topic: topicOf(SITE).default('{prefix}/{edge}/readings').describe('Topic; may contain `{prefix}` and `{edge}`'),
})

const message = z
  .strictObject({
    topic: topicOf([...SITE, ...SERIES])
      .default('{edge}/{device}/{metric}')
      .describe('Topic; may contain `{prefix}` and `{edge}`, and `{device}` and `{metric}`, each as a whole level'),
    payload: z
      .enum(['json', 'value'])
      .default('json')
      .describe('`json`: an object with value, time and quality; `value`: the value alone, as text'),
    retain: z
      .boolean()
      .default(false)
      .describe(
        'true: the broker retains the newest value of each series, and no subscriber is needed. Readings of the ' +
          'backlog and readings with a time in the future are never retained',
      ),
  })
  .refine(({ topic, payload, retain }) => (payload === 'json' && !retain) || namesSeries(topic), {
    path: ['topic'],
    error:
      'must have {device} and {metric} with `payload: value` or `retain: true`: only the topic identifies the ' +
      'series then',
  })

/** An id in a topic of Sparkplug (3.0.0, 4.1): no wildcard, no slash. */
const groupId = z
  .string()
  .regex(/^[^+/#\p{Cc}\p{Cs}]{1,128}$/u, 'must be 1 to 128 characters without + / # and control characters')
  .refine((group) => group !== 'STATE', 'must not be STATE, the topic of Sparkplug hosts')

const sparkplug = z.strictObject({
  group: groupId
    .default('tidegate')
    .describe('Group ID; group ID and name of this edge together must be unique at the broker'),
  qos: z
    .union([z.literal(0), z.literal(1)])
    .default(1)
    .describe(
      '1: readings count as delivered when the broker acknowledges them; 0 (the Sparkplug specification requires it): ' +
        'when they are sent',
    ),
  aliases: z
    .boolean()
    .default(false)
    .describe('Send the alias announced in the birth message instead of the metric name: fewer bytes'),
})

/** In which format an uplink sends readings to the cloud broker. */
export const formats = {
  format: z
    .enum(['cbor', ...READABLE])
    .default('cbor')
    .describe(
      '`cbor`: batches for a Tidegate receiver; the others are for other programs (docs/formats.md) and need ' +
        '`confirm: puback`',
    ),
  json: json.prefault({}).describe('With `format: json`: each message is an array of readings'),
  message: message.prefault({}).describe('With `format: message`: one message per reading'),
  sparkplug: sparkplug.prefault({}).describe('With `format: sparkplug`: the edge is a Sparkplug B 3.0.0 edge node'),
}

export const confirmable = ({ format, confirm }: { format: string; confirm: string }): boolean =>
  !READABLE.some((one) => one === format) || confirm !== 'receipt'
export const confirmableProblem = {
  path: ['confirm'],
  error: 'must be `puback` unless `format` is cbor: only Tidegate receivers answer with receipts',
}

export type JsonSettings = z.output<typeof json>
export type MessageSettings = z.output<typeof message>
export type SparkplugSettings = z.output<typeof sparkplug>
export type FormatName = z.output<typeof formats.format>
