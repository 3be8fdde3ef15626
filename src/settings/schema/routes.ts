import { z } from 'zod'
import { messageOf } from '../../base/errors.ts'
import { downFilterProblem, forwardFilterProblem, forwardTargetProblem } from '../../base/forwarding.ts'
import { compileRoute } from '../../base/topics.ts'
import { count, inAnyCase, name } from './fields.ts'
import { zoneProblem } from './time-zone.ts'

/** Default of `expiryS`. */
const EXPIRY_S = 86_400

const fields = z.strictObject({
  topic: z
    .string()
    .describe(
      'For readings: topic filter with `{device}` and optionally `{metric}`, each as a whole level; `+` and `#` ' +
        'as usual. A placeholder that occurs several times joins its levels with `.`, and `{device#}` or `{metric#}` ' +
        'as the last level joins all levels from there on. With `forward`: an ordinary topic filter. ' +
        'With `direction: down`: a filter on the cloud broker, which may contain `{edge}` and `{prefix}`',
    ),
  direction: z
    .enum(['up', 'down'])
    .default('up')
    .describe(
      '`down`: messages of the cloud broker on this topic are stored and published to local clients (docs/down.md)',
    ),
  format: z
    .enum(['auto', 'json', 'cbor', 'senml', 'text'])
    .default('auto')
    .describe(
      '`auto`: JSON, SenML and CBOR (maps, and arrays of maps) are detected by first byte and structure; anything ' +
        'else is text, or bytes if it is not UTF-8',
    ),
  zone: z
    .string()
    .superRefine((zone, context) => {
      const message = zoneProblem(zone)
      if (message !== undefined) context.addIssue({ code: 'custom', message })
    })
    .optional()
    .describe(
      'Time zone of times without one: an IANA name such as `Europe/Berlin`, `UTC`, or an offset such as ' +
        '`+05:30`. Default: such times are read as UTC and their readings are suspect (TIME_ZONE)',
    ),
  numbers: z
    .enum(['plain', 'lenient'])
    .default('plain')
    .describe(
      '`lenient`: texts such as `21,5`, `007`, `45%` and `23.4 °C` are numbers, also inside JSON texts; the unit is ' +
        'taken from the text (docs/payloads.md)',
    ),
  noValueTexts: z
    .boolean()
    .default(true)
    .describe(
      'Texts such as `unavailable`, `none`, `N/A`, `nan` and `---` mean that there is no value (MISSING); false: ' +
        'they are values (docs/payloads.md)',
    ),
  sampleHz: z
    .number()
    .positive()
    .max(1e9)
    .optional()
    .describe(
      'Samples per second in arrays of samples whose payload does not give the rate (docs/payloads.md). ' +
        'Default: all samples of such an array have the same time',
    ),
  forward: z
    .boolean()
    .default(false)
    .describe(
      'true: messages are not readings; they are stored and forwarded unchanged, whatever they contain ' +
        '(docs/forwarding.md)',
    ),
  to: z
    .string()
    .default('{topic}')
    .describe(
      'With `forward`: topic on the cloud broker; with `direction: down`: topic on the local broker. May contain ' +
        '`{edge}`, `{topic}` (as published), `{rest}` (the part that the `#` of `topic` stands for) and `{prefix}` ' +
        '(of the uplink)',
    ),
  uplinks: z
    .array(name)
    .min(1)
    .max(8)
    .optional()
    .describe(
      'Names of the uplinks that send the messages (`forward`; default: all), or that receive them ' +
        '(`direction: down`; needed if there are several uplinks)',
    ),
  retain: z
    .boolean()
    .default(false)
    .describe(
      'With `direction: down`: messages are state, and the last one of each topic is retained at both brokers; false: ' +
        'they are commands, and what the cloud broker retained earlier is ignored',
    ),
  expiryS: count
    .max(31_536_000)
    .default(EXPIRY_S)
    .describe('With `direction: down`: a message that no local client has acknowledged is removed after this time'),
})

type Given = Partial<z.output<typeof fields>>

/** What is wrong with a route as a whole. Keys that are invalid by themselves may have any value here. */
function* problemsOf(given: Given): Generator<[keyof Given, string]> {
  const { topic, forward, to, uplinks, direction, retain, expiryS = EXPIRY_S } = given
  const isDown = direction === 'down'
  if (!isDown && retain === true) yield ['retain', 'is for routes with `direction: down`']
  if (!isDown && expiryS !== EXPIRY_S) yield ['expiryS', 'is for routes with `direction: down`']
  if (isDown && forward === true) yield ['forward', 'is for messages of devices; leave it out with `direction: down`']
  if (forward !== true && !isDown) {
    if (typeof topic === 'string') yield* only('topic', routeProblem(topic))
    if (to !== undefined && to !== '{topic}') yield ['to', 'is for routes with `forward: true` or `direction: down`']
    if (uplinks !== undefined)
      yield ['uplinks', 'is for routes with `forward: true` or `direction: down`; readings go to every uplink']
    return
  }
  if (typeof topic === 'string') yield* only('topic', isDown ? downFilterProblem(topic) : forwardFilterProblem(topic))
  if (typeof to === 'string' && typeof topic === 'string') yield* only('to', forwardTargetProblem(to, topic))
  yield* decodingOf(given)
}

/** Settings for decoding in a route whose messages are not decoded. */
function* decodingOf(given: Given): Generator<[keyof Given, string]> {
  const { format = 'auto', zone, numbers = 'plain', noValueTexts = true, sampleHz } = given
  const undecoded = 'is for readings; the payload of this route is not decoded'
  if (format !== 'auto') yield ['format', undecoded]
  if (zone !== undefined) yield ['zone', undecoded]
  if (numbers !== 'plain') yield ['numbers', undecoded]
  if (noValueTexts !== true) yield ['noValueTexts', undecoded]
  if (sampleHz !== undefined) yield ['sampleHz', undecoded]
}

function* only(key: keyof Given, problem: string | undefined): Generator<[keyof Given, string]> {
  if (problem !== undefined) yield [key, problem]
}

function routeProblem(topic: string): string | undefined {
  try {
    compileRoute(topic)
    return undefined
  } catch (refusal) {
    return messageOf(refusal)
  }
}

export const route = fields.superRefine((given, context) => {
  for (const [key, message] of problemsOf(given)) context.addIssue({ code: 'custom', path: [key], message })
}, inAnyCase)

interface Parts {
  readonly routes?: readonly Given[]
  readonly uplinks?: readonly { readonly name?: string }[]
}

/** Every forward route needs an uplink: without one, messages would be acknowledged and then lost. */
export function* forwardsNowhere({
  routes = [],
  uplinks = [],
}: Parts): Generator<{ path: PropertyKey[]; text: string }> {
  if (!Array.isArray(routes) || !Array.isArray(uplinks)) return
  const known = uplinks.map((one: { readonly name?: string } | null) => one?.name ?? 'cloud')
  for (const [at, one] of routes.entries()) {
    if (one?.forward !== true) continue
    if (known.length === 0) yield { path: ['routes', at, 'forward'], text: 'there is no uplink to forward to' }
    if (known.length === 0 || !Array.isArray(one.uplinks)) continue
    for (const [index, wanted] of one.uplinks.entries()) {
      if (known.includes(wanted)) continue
      yield {
        path: ['routes', at, 'uplinks', index],
        text: `there is no uplink "${wanted}"; known: ${known.join(', ')}`,
      }
    }
  }
}
