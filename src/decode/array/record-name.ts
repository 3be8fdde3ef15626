import { isNoValue } from '../scalar.ts'
import type { Tree, TreeObject } from '../tree.ts'

/** Members that name the metric of a value next to them, the first of them that is there. */
const NAMES = ['name', 'Name', 'metric', 'tag', 'Tag', 'tagName', 'TagName', 'tag_name', 'n'] as const
/**
 * In the elements of an array these do so as well, after the others. Outside of an array an `id` is mostly that of the
 * device.
 */
export const TEXT_NAMES = [
  ...NAMES,
  ...['value_type', 'resourceName', 'variable', 'Variable', 'parameter', 'signal', 'Signal', 'key', 'DisplayName'],
  ...['displayName', 'sensor', 'label', 'obis', 'field', 'id', 'Id', 'ID', 'channel', 'Channel', 'NodeId', 'nodeId'],
  ...['mac', 'MAC', 'address', 'register', 'port', 'DataSetWriterName'],
] as const
/** Members whose integer names a value next to them, in the elements of an array. */
export const IDS = [
  ...['variable', 'parameter', 'signal', 'key', 'id', 'Id', 'ID', 'channel', 'Channel', 'NodeId', 'nodeId'],
  ...['address', 'register', 'port'],
] as const
const NAME_CHARS_MAX = 128
/** An identifier that no person reads, and that may be another one in each message. */
const UUID = /^\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$/i

/** A member that names the metric of its object. */
export interface RecordName {
  readonly member: string
  readonly metric: string
}

/** The name that an element of an array gives to its value as a text. Ask only for objects with a value. */
export function recordName(object: TreeObject): RecordName | undefined {
  return mayHaveName(object) ? textIn(object, TEXT_NAMES) : undefined
}

/** The name that an element of an array gives to its value as a number. */
export function recordId(object: TreeObject): RecordName | undefined {
  for (const member of IDS) if (isInteger(object[member])) return { member, metric: String(object[member]) }
  return undefined
}

const ALL: ReadonlySet<string> = new Set([...TEXT_NAMES, ...IDS])

/** Most elements have none: walking over their few members is faster than asking for each of the names. */
export function mayHaveName(object: TreeObject): boolean {
  for (const member in object) if (member !== 'v' && member !== 't' && ALL.has(member)) return true
  return false
}

/** The name that an object outside of an array gives to its value. */
export function standaloneName(object: TreeObject): RecordName | undefined {
  return mayHaveName(object) ? textIn(object, NAMES) : undefined
}

function textIn(object: TreeObject, members: readonly string[]): RecordName | undefined {
  for (const member of members) {
    const metric = nameIn(object[member])
    if (metric !== undefined) return { member, metric }
  }
  return undefined
}

/** The text, if it can be a name. */
export function nameIn(given: Tree | undefined): string | undefined {
  if (typeof given !== 'string' || given.length > NAME_CHARS_MAX) return undefined
  return isNoValue(given) || UUID.test(given) ? undefined : given
}

export function isInteger(tree: Tree | undefined): boolean {
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
