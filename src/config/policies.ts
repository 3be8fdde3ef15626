import { canonical } from './canonical.ts'
import { isArray, type Json, type Maybe, MISSING } from './json.ts'
import type { Collision, Decision, KeyedArray } from './merge.ts'
import { PathIndex } from './path-index.ts'

export type OnConflict = 'cloud' | 'edge' | 'lww' | 'manual' | `custom:${string}`

/** Who wins a collision at the paths that `path` covers: a JSON Pointer in which `*` is one key and `**` any number. */
export interface Policy {
  readonly path: string
  readonly onConflict: OnConflict
}

/** What happens if one side deleted what the other changed and no policy covers the path. */
export type DeleteModify = 'keep' | 'delete' | 'manual'

export interface ConflictRules {
  /** The first one that covers a path applies; if none does, `cloud`. */
  readonly policies: readonly Policy[]
  readonly deleteModify: DeleteModify
  readonly keyedArrays: readonly KeyedArray[]
}

/** The result of the operator's own function for a collision. If it throws or times out, a person decides. */
export type CustomResult = { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly reason: string }
export type CustomMerge = (name: string, base: Maybe, edge: Maybe, cloud: Maybe) => CustomResult

/** The side with the newer edit, as far as the clocks can be trusted. */
export type Newer = { readonly side: 'edge' | 'cloud'; readonly why: string }

export interface Judges {
  newer(): Newer
  readonly custom: CustomMerge
}

/** Decides the collisions of one merge by the rules. */
export function decider(
  rules: Pick<ConflictRules, 'policies' | 'deleteModify'>,
  judges: Judges,
): (collision: Collision) => Decision {
  const policies = new PathIndex(rules.policies)
  return (collision) => decide(collision, policies.first(collision.path), { rules, judges })
}

function decide(
  collision: Collision,
  policy: Policy | undefined,
  { rules, judges }: { readonly rules: Pick<ConflictRules, 'deleteModify'>; readonly judges: Judges },
): Decision {
  if (policy !== undefined) return byPolicy(policy.onConflict, collision, judges)
  if (collision.kind === 'merge') return byPolicy('cloud', collision, judges)
  if (rules.deleteModify === 'manual') return { manual: true, why: 'deleteModify manual' }
  const kept = collision.edge ?? collision.cloud
  const value = rules.deleteModify === 'keep' ? kept : MISSING
  return { manual: false, value, why: `deleteModify ${rules.deleteModify}` }
}

function byPolicy(onConflict: OnConflict, collision: Collision, judges: Judges): Decision {
  switch (onConflict) {
    case 'manual':
      return { manual: true, why: 'policy manual' }
    case 'edge':
    case 'cloud':
      return { manual: false, value: collision[onConflict], why: `policy ${onConflict}` }
    case 'lww': {
      const { side, why } = judges.newer()
      return { manual: false, value: collision[side], why }
    }
    default: {
      const name = onConflict.slice('custom:'.length)
      const { base, edge, cloud } = collision
      const builtIn = BUILT_IN.get(name)
      const result = builtIn === undefined ? judges.custom(name, base, edge, cloud) : builtIn(edge, cloud)
      if (!result.ok) return { manual: true, why: `custom ${name} failed: ${result.reason}` }
      return { manual: false, value: result.value, why: `custom ${name}` }
    }
  }
}

type Combine = (edge: Maybe, cloud: Maybe) => CustomResult

/** Functions that need no module. min and max need two numbers, union and intersect two arrays. */
const BUILT_IN: ReadonlyMap<string, Combine> = new Map<string, Combine>([
  ['min', (edge, cloud) => ofNumbers(edge, cloud, Math.min)],
  ['max', (edge, cloud) => ofNumbers(edge, cloud, Math.max)],
  ['union', (edge, cloud) => ofArrays(edge, cloud, (a, b) => [...a, ...b])],
  ['intersect', (edge, cloud) => ofArrays(edge, cloud, common)],
])
export const BUILT_IN_NAMES: readonly string[] = [...BUILT_IN.keys()]

function common(a: readonly Json[], b: readonly Json[]): readonly Json[] {
  const others = new Set(b.map(canonical))
  return a.filter((item) => others.has(canonical(item)))
}

function ofNumbers(edge: Maybe, cloud: Maybe, combine: (a: number, b: number) => number): CustomResult {
  if (typeof edge !== 'number' || typeof cloud !== 'number') return { ok: false, reason: 'it needs two numbers' }
  return { ok: true, value: combine(edge, cloud) }
}

/**
 * Combines arrays as sets: each item once, ordered by canonical text, so that the result is the same for both sides.
 */
function ofArrays(
  edge: Maybe,
  cloud: Maybe,
  combine: (a: readonly Json[], b: readonly Json[]) => readonly Json[],
): CustomResult {
  if (!isArray(edge) || !isArray(cloud)) return { ok: false, reason: 'it needs two arrays' }
  const items = new Map(combine(edge, cloud).map((item) => [canonical(item), item]))
  return { ok: true, value: [...items].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item) }
}
