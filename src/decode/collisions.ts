import { DecodeDraft } from './draft.ts'
import { pathText } from './problem.ts'

/**
 * The same draft if no two fields of the message have the same name. Otherwise a name belongs to the field that is
 * nested least (`{"a.b":3,"a":{"b":5}}`: to `a.b`), whatever their order is, and the others are partial rejects: two
 * quantities must not become one series.
 * @param read reads the message again
 */
export function withoutCollisions(draft: DecodeDraft, read: (draft: DecodeDraft) => void): DecodeDraft {
  const metrics = new Set(draft.readings.map(({ metric }) => metric))
  if (metrics.size === draft.readings.length || draft.refusal !== undefined) return draft
  const traced = new DecodeDraft(draft.device, draft.receivedAt, draft.rules)
  traced.origins = []
  read(traced)
  const { readings, origins } = traced
  const owners = new Map<string, string>()
  for (const [i, { metric }] of readings.entries()) {
    const owner = owners.get(metric)
    const { key } = origins[i]!
    if (owner === undefined || precedes(key, owner)) owners.set(metric, key)
  }
  const kept = readings.filter(({ metric }, i) => owners.get(metric) === origins[i]!.key)
  const lost = readings.flatMap(({ metric }, i) => (owners.get(metric) === origins[i]!.key ? [] : [i]))
  const named = lost.map((i) => ({ metric: readings[i]!.metric, steps: origins[i]!.steps }))
  readings.splice(0, readings.length, ...kept)
  for (const { metric, steps } of named) {
    const owner = JSON.parse(owners.get(metric)!) as string[]
    traced.reject(`the metric name "${metric}" is already used by $${pathText(owner)}`, steps)
  }
  return traced
}

function precedes(a: string, b: string): boolean {
  const [depthA, depthB] = [a, b].map((key) => (JSON.parse(key) as string[]).length)
  return depthA === depthB ? a < b : depthA! < depthB!
}
