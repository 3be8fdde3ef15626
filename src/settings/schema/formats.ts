import { z } from 'zod'
import { topicProblem } from '../../base/topics.ts'

/** What others read: nobody behind the broker answers with receipts. */
const READABLE = ['json', 'message', 'sparkplug'] as const

const SITE = ['prefix', 'edge'] as const
const SERIES = ['device', 'metric'] as const

/** Why readings cannot be published under this template, or undefined when they can. */
function templateProblem(template: string, placeholders: readonly string[]): string | undefined {
  const problem = topicProblem(template)
  if (problem !== undefined) return problem
  for (const level of template.split('/')) {
    for (const [placeholder] of level.matchAll(/\{[^}]*\}?|\}/g)) {
      const word = placeholder.slice(1, -1)
      if (!placeholders.includes(word)) {
        return `unknown placeholder "${placeholder}"; there are ${placeholders.map((one) => `{${one}}`).join(', ')}`
      }
      if (SERIES.some((one) => one === word) && level !== placeholder) {
        return `{${word}} must be a whole level, not part of "${level}"`
      }
    }
  }
  return undefined
}

const topicOf = (placeholders: readonly string[]) =>
  z.string().refine((topic) => templateProblem(topic, placeholders) === undefined, {
    error: ({ input }) => templateProblem(String(input), placeholders),
  })

const tellsSeries = (topic: string): boolean => SERIES.every((one) => topic.split('/').includes(`{${one}}`))

const json = z.strictObject({
  topic: topicOf(SITE).default('{prefix}/{edge}/readings').describe('Topic with `{prefix}` and `{edge}`'),
})

const message = z
  .strictObject({
    topic: topicOf([...SITE, ...SERIES])
      .default('{edge}/{device}/{metric}')
      .describe('Topic with `{prefix}`, `{edge}`, and `{device}` and `{metric}`, each a whole level'),
    payload: z
      .enum(['json', 'value'])
      .default('json')
      .describe('A JSON object with time and quality, or the value alone as text'),
    retain: z
      .boolean()
      .default(false)
      .describe('The broker keeps the newest value of each series for those who come later; the backlog is never kept'),
  })
  .refine(({ topic, payload, retain }) => (payload === 'json' && !retain) || tellsSeries(topic), {
    path: ['topic'],
    error: 'must have {device} and {metric} where the value goes alone or is retained: nothing else tells the series',
  })

/** An id in a topic of Sparkplug (3.0.0, 4.1): no wildcard, no slash. */
const groupId = z
  .string()
  .regex(/^[^+/#\p{Cc}\p{Cs}]{1,128}$/u, 'must be 1 to 128 characters without + / # and control characters')
  .refine((group) => group !== 'STATE', 'must not be STATE, the topic of Sparkplug hosts')

const sparkplug = z.strictObject({
  group: groupId.default('tidegate').describe('Group ID; with the name of this edge it must be unique at the broker'),
  qos: z
    .union([z.literal(0), z.literal(1)])
    .default(1)
    .describe('1: readings count as delivered when the broker says so. 0, as Sparkplug has it: when they are written'),
  aliases: z
    .boolean()
    .default(false)
    .describe('Readings name their metric by a number that its birth tells: less bytes'),
})

/** What goes to the cloud broker, for an uplink. */
export const formats = {
  format: z
    .enum(['cbor', ...READABLE])
    .default('cbor')
    .describe('Batches for a receiver, or what others read: see formats.md. All but `cbor` need `confirm: puback`'),
  json: json.prefault({}).describe('With `format: json`: arrays of readings'),
  message: message.prefault({}).describe('With `format: message`: each reading a message of its own'),
  sparkplug: sparkplug.prefault({}).describe('With `format: sparkplug`: an edge node of Sparkplug B 3.0.0'),
}

export const confirmable = ({ format, confirm }: { format: string; confirm: string }): boolean =>
  !READABLE.some((one) => one === format) || confirm !== 'receipt'
export const confirmableProblem = {
  path: ['confirm'],
  error: 'must be `puback` unless `format` is cbor: only receivers of Tidegate answer with receipts',
}

export type JsonSettings = z.output<typeof json>
export type MessageSettings = z.output<typeof message>
export type SparkplugSettings = z.output<typeof sparkplug>
export type FormatName = z.output<typeof formats.format>
