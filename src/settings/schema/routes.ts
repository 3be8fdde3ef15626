import { z } from 'zod'
import { messageOf } from '../../base/errors.ts'
import { forwardFilterProblem, forwardTargetProblem } from '../../base/forwarding.ts'
import { compileRoute } from '../../base/topics.ts'
import { inAnyCase, name } from './fields.ts'
import { zoneProblem } from './time-zone.ts'

const fields = z.strictObject({
  topic: z
    .string()
    .describe(
      'For readings: topic filter with `{device}` and optionally `{metric}`, each as a whole level; `+` and `#` ' +
        'as usual. A placeholder that occurs several times joins its levels with `.`, and `{device#}` or `{metric#}` ' +
        'as the last level joins all levels from there on. With `forward`: an ordinary topic filter',
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
      'With `forward`: topic on the cloud broker; may contain `{edge}`, `{topic}` (as published) and `{prefix}` ' +
        '(of the uplink)',
    ),
  uplinks: z
    .array(name)
    .min(1)
    .max(8)
    .optional()
    .describe('With `forward`: names of the uplinks that send the messages; default: all'),
})

type Given = Partial<z.output<typeof fields>>

/** What is wrong with a route as a whole. Keys that are invalid by themselves may have any value here. */
function* problemsOf(given: Given): Generator<[keyof Given, string]> {
  const { topic, format = 'auto', forward, to, uplinks, zone, numbers = 'plain', noValueTexts = true, sampleHz } = given
  if (forward !== true) {
    if (typeof topic === 'string') yield* only('topic', routeProblem(topic))
    if (to !== undefined && to !== '{topic}') yield ['to', 'is for routes with `forward: true`']
    if (uplinks !== undefined) yield ['uplinks', 'is for routes with `forward: true`; readings go to every uplink']
    return
  }
  if (typeof topic === 'string') yield* only('topic', forwardFilterProblem(topic))
  if (typeof to === 'string') yield* only('to', forwardTargetProblem(to))
  const undecoded = 'is for readings; with `forward: true` the payload is not decoded'
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
      yield { path: ['routes', at, 'uplinks', index], text: `there is no uplink ${wanted}: ${known.join(', ')}` }
    }
  }
}
