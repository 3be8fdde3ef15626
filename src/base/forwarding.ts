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
const KNOWN: readonly string[] = ['edge', 'topic', 'prefix']

/** Why this is not a valid filter for a forward route, or undefined. Such filters have no placeholders. */
export function forwardFilterProblem(filter: string): string | undefined {
  const problem = filterProblem(filter)
  if (problem !== undefined) return problem
  return /[{}]/.test(filter) ? 'a forward route is a plain filter: use + instead of a placeholder' : undefined
}

/** Why this is not a valid template for the topic of forwarded messages, or undefined. */
export function forwardTargetProblem(template: string): string | undefined {
  const unknown = [...template.matchAll(PLACEHOLDER)].find(([, name]) => !KNOWN.includes(name!))
  if (unknown !== undefined) return `unknown placeholder "${unknown[0]}"; there are {edge}, {topic} and {prefix}`
  const rest = template.replace(PLACEHOLDER, 'x')
  if (/[{}]/.test(rest)) return 'it has a brace that is not part of a placeholder'
  return topicProblem(rest)
}

/** The topic to which a message is forwarded. */
export function forwardTopic(template: string, names: ForwardNames): string {
  return template.replace(PLACEHOLDER, (whole, name: string) => names[name as keyof ForwardNames] ?? whole)
}
