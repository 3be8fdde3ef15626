import { filterProblem, topicProblem } from './topics.ts'

/** Values for the placeholders in the template of a forwarded topic. */
export interface ForwardNames {
  readonly edge: string
  /** Prefix of the uplink's topics. */
  readonly prefix: string
  /** As the device published it. */
  readonly topic: string
}

const PLACEHOLDER = /\{([^{}]*)\}/g
const KNOWN: readonly string[] = ['edge', 'topic', 'prefix', 'rest']
const REST = '{rest}'
/** `{rest}` of a compiled template: the levels of the topic after the first N. */
const COMPILED_REST = /^rest:(\d+)$/

/** Why this is not a valid filter for a forward route, or undefined. Such filters have no placeholders. */
export function forwardFilterProblem(filter: string): string | undefined {
  const problem = filterProblem(filter)
  if (problem !== undefined) return problem
  return /[{}]/.test(filter) ? 'a forward route is a plain filter: use + instead of a placeholder' : undefined
}

/** Why this is not a valid filter for a down route, or undefined. It may contain `{edge}` and `{prefix}`. */
export function downFilterProblem(filter: string): string | undefined {
  const plain = filter.replace(/\{(edge|prefix)\}/g, 'x')
  if (/[{}]/.test(plain))
    return 'a down route is a filter with {edge} and {prefix}: use + instead of other placeholders'
  return filterProblem(plain)
}

/** Why this is not a valid template for the topic of messages of this filter, or undefined. */
export function forwardTargetProblem(template: string, filter = '#'): string | undefined {
  if (template.includes(REST) && !filter.endsWith('#')) return '{rest} is what the # at the end of `topic` stands for'
  const unknown = [...template.matchAll(PLACEHOLDER)].find(([, name]) => !KNOWN.includes(name!))
  if (unknown !== undefined)
    return `unknown placeholder "${unknown[0]}"; there are {edge}, {topic}, {rest} and {prefix}`
  const rest = template.replace(PLACEHOLDER, 'x')
  if (/[{}]/.test(rest)) return 'it has a brace that is not part of a placeholder'
  return topicProblem(rest)
}

/** The template with what it needs of the filter, so that it can be used without it. */
export function compileTarget(template: string, filter: string): string {
  return template.replaceAll(REST, `{rest:${filter.split('/').length - 1}}`)
}

/** The topic to which a message is forwarded. @param template compiled by `compileTarget` */
export function forwardTopic(template: string, names: ForwardNames): string {
  return template.replace(PLACEHOLDER, (whole, name: string) => {
    const [, levels] = COMPILED_REST.exec(name) ?? []
    if (levels !== undefined) return names.topic.split('/').slice(Number(levels)).join('/')
    return names[name as keyof ForwardNames] ?? whole
  })
}
