import { filterProblem, topicProblem } from './topics.ts'

/** What a template of a forwarded topic is filled with. */
export interface ForwardNames {
  readonly edge: string
  /** First levels of the uplink's topics. */
  readonly prefix: string
  /** As the device published it. */
  readonly topic: string
}

const PLACEHOLDER = /\{([^{}]*)\}/g
const KNOWN: readonly string[] = ['edge', 'topic', 'prefix']

/** Why this is no filter for a forward route, or undefined: topics are forwarded whole, nothing is read out of them. */
export function forwardFilterProblem(filter: string): string | undefined {
  const problem = filterProblem(filter)
  if (problem !== undefined) return problem
  return /[{}]/.test(filter) ? 'a forward route is a plain filter: use + in the place of a placeholder' : undefined
}

/** Why this cannot say where messages go, or undefined when it yields a legal topic for any legal topic. */
export function forwardTargetProblem(template: string): string | undefined {
  const unknown = [...template.matchAll(PLACEHOLDER)].find(([, name]) => !KNOWN.includes(name!))
  if (unknown !== undefined) return `unknown placeholder "${unknown[0]}"; there are {edge}, {topic} and {prefix}`
  const rest = template.replace(PLACEHOLDER, 'x')
  if (/[{}]/.test(rest)) return 'it has a brace that belongs to no placeholder'
  return topicProblem(rest)
}

/** The topic under which a message leaves. */
export function forwardTopic(template: string, names: ForwardNames): string {
  return template.replace(PLACEHOLDER, (whole, name: string) => names[name as keyof ForwardNames] ?? whole)
}
