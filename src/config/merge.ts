import { equal, isArray, isObject, type Json, type JsonObject, type Maybe, MISSING, member, pointerTo } from './json.ts'
import { PathIndex } from './path-index.ts'

/**
 * The member `key` identifies the items of the arrays at `path`; they are merged one by one. In paths an item is named
 * by the value of its key. The order of the items has no meaning: after a merge it is that of the base, with new items
 * last.
 */
export interface KeyedArray {
  /** A JSON Pointer in which `*` is one key and `**` any number. */
  readonly path: string
  readonly key: string
}

export type CollisionKind = 'merge' | 'delete_modify'

/** A place that both sides changed differently. An absent value: that side does not have it. */
export interface Collision {
  readonly path: string
  readonly kind: CollisionKind
  readonly base?: Json
  readonly edge?: Json
  readonly cloud?: Json
}

/** The decision about a collision: a value (MISSING: delete it), or `manual`, if a person must decide. */
export type Decision =
  | { readonly manual: false; readonly value: Maybe; readonly why: string }
  | { readonly manual: true; readonly why: string }
export type Decided = Collision & { readonly decision: Decision }

export interface MergeRules {
  /** The common ancestor is unknown: every difference is a collision. */
  readonly twoWay?: boolean
  readonly keyedArrays?: readonly KeyedArray[]
  /** Paths at which the cloud's value is taken whatever the base is: a person has seen all three values and chosen. */
  readonly cloudsChoice?: readonly string[]
  decide(collision: Collision): Decision
}

export interface Merged {
  /** At places that a person must decide it has the edge's value. */
  readonly value: Maybe
  readonly collisions: readonly Decided[]
}

/**
 * Merges the changes that two sides made to a base. Symmetric: with the sides exchanged, the result is the same with
 * edge and cloud exchanged.
 * @param base common ancestor; MISSING: none
 */
export function merge(base: Maybe, edge: Maybe, cloud: Maybe, rules: MergeRules): Merged {
  const run: Run = {
    rules,
    keyed: new PathIndex(rules.keyedArrays ?? []),
    choices: new Set(rules.cloudsChoice),
    aboveChoices: new Set(rules.cloudsChoice?.flatMap(above)),
    collisions: [],
  }
  const value = mergeNode('', { base: rules.twoWay ? MISSING : base, edge, cloud }, run)
  return { value, collisions: run.collisions }
}

interface Sides {
  readonly base: Maybe
  readonly edge: Maybe
  readonly cloud: Maybe
}

interface Run {
  readonly rules: MergeRules
  readonly keyed: PathIndex<KeyedArray>
  /** `cloudsChoice`, and all paths above them. */
  readonly choices: ReadonlySet<string>
  readonly aboveChoices: ReadonlySet<string>
  readonly collisions: Decided[]
}

function mergeNode(path: string, sides: Sides, run: Run): Maybe {
  const { base, edge, cloud } = sides
  if (equal(edge, cloud)) return cloud
  if (run.choices.has(path)) return decided(path, sides, { manual: false, value: cloud, why: 'resolved by cloud' }, run)
  if (!run.rules.twoWay && !run.aboveChoices.has(path)) {
    if (equal(edge, base)) return cloud
    if (equal(cloud, base)) return edge
  }
  if (isObject(edge) && isObject(cloud) && (base === MISSING || isObject(base))) {
    return mergeMembers(path, { base, edge, cloud }, run)
  }
  const items = keyedItems(path, sides, run.keyed)
  if (items !== undefined) return mergeItems(path, items, run)
  return collide(path, sides, run)
}

/** The paths of everything that contains the value at this path. */
function above(path: string): string[] {
  const tokens = path.split('/')
  return tokens.slice(1).map((_, i) => tokens.slice(0, i + 1).join('/'))
}

function mergeMembers(path: string, sides: Sides, run: Run): JsonObject {
  const keys = new Set([...keysIn(sides.edge), ...keysIn(sides.cloud)])
  const members: [string, Json][] = []
  for (const key of keys) {
    const value = mergeNode(pointerTo(path, key), below(sides, key), run)
    if (value !== MISSING) members.push([key, value])
  }
  return Object.fromEntries(members)
}

function keysIn(value: Maybe): string[] {
  return isObject(value) ? Object.keys(value) : []
}

function below({ base, edge, cloud }: Sides, key: string): Sides {
  return { base: member(base, key), edge: member(edge, key), cloud: member(cloud, key) }
}

/** The three arrays as objects with the items by key; undefined: they are merged as whole values. */
function keyedItems(path: string, { base, edge, cloud }: Sides, index: PathIndex<KeyedArray>): Sides | undefined {
  const keyed = index.first(path)
  if (keyed === undefined) return undefined
  const items = [base, edge, cloud].map((side) => itemsByKey(side, keyed.key))
  if (items[1] === undefined || items[2] === undefined || (items[0] === undefined && base !== MISSING)) return undefined
  return { base: items[0], edge: items[1], cloud: items[2] }
}

function itemsByKey(array: Maybe, key: string): JsonObject | undefined {
  if (!isArray(array)) return undefined
  const entries = array.map((item): [string | undefined, Json] => {
    const name = member(item, key)
    return [typeof name === 'string' || typeof name === 'number' ? `${name}` : undefined, item]
  })
  const names = new Set(entries.map(([name]) => name))
  if (names.has(undefined) || names.size < entries.length) return undefined
  return Object.fromEntries(entries as [string, Json][])
}

function mergeItems(path: string, sides: Sides, run: Run): readonly Json[] {
  const merged = mergeMembers(path, sides, run)
  const old = new Set(keysIn(sides.base).filter((key) => Object.hasOwn(merged, key)))
  const added = Object.keys(merged)
    .filter((key) => !old.has(key))
    .sort()
  return [...old, ...added].map((key) => merged[key]!)
}

function collide(path: string, sides: Sides, run: Run): Maybe {
  return decided(path, sides, run.rules.decide(collisionAt(path, sides)), run)
}

function decided(path: string, sides: Sides, decision: Decision, run: Run): Maybe {
  run.collisions.push({ ...collisionAt(path, sides), decision })
  return decision.manual ? sides.edge : decision.value
}

function collisionAt(path: string, { base, edge, cloud }: Sides): Collision {
  return {
    path,
    kind: edge === MISSING || cloud === MISSING ? 'delete_modify' : 'merge',
    ...(base !== MISSING && { base }),
    ...(edge !== MISSING && { edge }),
    ...(cloud !== MISSING && { cloud }),
  }
}
