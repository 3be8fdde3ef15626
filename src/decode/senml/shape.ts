import { isArray, isObject, type Tree, type TreeObject } from '../tree.ts'
import { VALUE_LABELS } from './labels.ts'

/** RFC 8428 §4.5.3: smaller times are relative to now. */
export const ABSOLUTE_SECONDS_MIN = 2 ** 28
/** A number of at least this in `t` is not in seconds, as SenML has it (2286), but in a smaller unit. */
const SECONDS_END = 1e10

/**
 * Whether this is a SenML pack: an array in which a record has a base name, or a name and a value. Other devices send
 * such arrays too. If no record has anything that only SenML has, and one has something that SenML does not have, it is
 * none: SenML ignores unknown fields, so that a `q` next to a value would be lost.
 */
export function isSenml(tree: Tree): tree is readonly Tree[] {
  if (!isArray(tree)) return false
  if (!tree.some((record) => isObject(record) && (typeof record.bn === 'string' || hasName(record)))) return false
  const records = tree.filter((record) => isObject(record))
  return records.some(isOnlySenml) || !records.some(hasForeign)
}

function hasName(record: TreeObject): boolean {
  if (typeof record.n !== 'string') return false
  return record.s !== undefined || VALUE_LABELS.some((label) => record[label] !== undefined)
}

/** Whether a record has a field that other formats do not have: a base field, a typed value, a relative time, a URN. */
function isOnlySenml(record: TreeObject): boolean {
  const { n, t } = record
  if (typeof t === 'number' && t !== 0 && t < ABSOLUTE_SECONDS_MIN) return true
  if (typeof n === 'string' && n.startsWith('urn:')) return true
  for (const name in record) if (ONLY_SENML.has(name) || name.endsWith('_')) return true
  return false
}

const ONLY_SENML: ReadonlySet<string> = new Set([
  ...['bn', 'bt', 'bu', 'bv', 'bs', 'bver', 'bct', 'vs', 'vb', 'vd', 's', 'ut', 'ct'],
])

/** Whether a record has a member that SenML does not have, or another kind of content in one that it has. */
function hasForeign(record: TreeObject): boolean {
  const { v, t } = record
  if (v !== undefined && typeof v !== 'number' && typeof v !== 'bigint') return true
  if (t !== undefined && !isSeconds(t)) return true
  for (const name in record) if (name !== 'n' && name !== 'v' && name !== 'u' && name !== 't') return true
  return false
}

function isSeconds(tree: Tree): boolean {
  return typeof tree === 'number' && tree < SECONDS_END
}
