import type { Tree, TreeObject } from '../tree.ts'

/** Members that name the metric of a value next to them, the first of them that is there. */
const NAMES = ['name', 'Name', 'metric', 'tag', 'Tag', 'tagName', 'TagName', 'tag_name', 'n'] as const
/**
 * In the elements of an array these do so as well, after the others. Outside of an array an `id` is mostly that of the
 * device. Their values may be numbers.
 */
const IDS = ['variable', 'parameter', 'signal', 'key', 'id', 'Id', 'ID', 'channel', 'NodeId', 'nodeId'] as const

/** A member that names the metric of its object. */
export interface RecordName {
  readonly member: string
  readonly metric: string
}

/** The name that an element of an array gives to its value. Ask only for objects with a value. */
export function recordName(object: TreeObject): RecordName | undefined {
  if (!mayHaveName(object)) return undefined
  return standaloneName(object) ?? nameIn(object, IDS, true)
}

const ALL: ReadonlySet<string> = new Set([...NAMES, ...IDS])

/** Most elements have none: to walk over their few members is faster than to ask for each of the names. */
function mayHaveName(object: TreeObject): boolean {
  for (const member in object) if (member !== 'v' && member !== 't' && ALL.has(member)) return true
  return false
}

/** The name that an object outside of an array gives to its value. */
export function standaloneName(object: TreeObject): RecordName | undefined {
  if (!mayHaveName(object)) return undefined
  return nameIn(object, NAMES, false)
}

function nameIn(object: TreeObject, members: readonly string[], numbers: boolean): RecordName | undefined {
  for (const member of members) {
    const given = object[member]
    if (typeof given === 'string' && given !== '') return { member, metric: given }
    if (numbers && isNumber(given)) return { member, metric: String(given) }
  }
  return undefined
}

function isNumber(tree: Tree | undefined): boolean {
  return typeof tree === 'bigint' || (typeof tree === 'number' && Number.isInteger(tree))
}

/** Names of arrays, in lower case, that only say that it is one: the metrics of its records do not begin with them. */
const CONTAINERS: ReadonlySet<string> = new Set([
  ...['values', 'vals', 'tags', 'metrics', 'data', 'd', 'records', 'readings', 'samples', 'measurements', 'measures'],
  ...['items', 'points', 'datapoints', 'signals', 'sensors', 'variables', 'parameters', 'list', 'payload', 'results'],
])

export function isContainer(name: string): boolean {
  return CONTAINERS.has(name.toLowerCase())
}

/** Names of arrays, in lower case, whose elements are several times of the same things, also without times. */
const BATCHES: ReadonlySet<string> = new Set([
  ...['values', 'vals', 'data', 'd', 'records', 'readings', 'samples', 'measurements', 'measures', 'datapoints'],
  ...['list', 'payload', 'results', 'history', 'batch'],
])

export function isBatch(name: string): boolean {
  return BATCHES.has(name.toLowerCase())
}
