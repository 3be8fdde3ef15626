import type { Verdict } from '../../base/reading.ts'
import { claimOf, claimOfConnector, claimOfOpcUa, claimOfStatus, isQualityCode, worstClaim } from '../claim.ts'
import { isTimeName } from '../time/names.ts'
import { isObject, type Tree, type TreeObject } from '../tree.ts'

/** Members that give the quality of what is in an object next to them. `q` may be a metric there. */
const NEIGHBOURS = ['quality', 'Quality', 'QUALITY', 'StatusCode', 'statusCode', 'Status', 'status', 'qc'] as const
/** At least this many plain numbers next to `v` and `q` make `q` a number of the same kind: reactive power next to `i` and `p`. */
const SIBLINGS_MIN = 2
const MEANINGS: ReadonlySet<string> = new Set(['v', 't', 'ts', 'time', 'timestamp', 'u', 'unit', 'q', 'Q', 'qc'])

/** The claim of a member with the name of a quality; undefined: it says something else. */
export function claimOfMember(name: string, tree: Tree): Verdict | undefined {
  switch (name) {
    case 'qc':
      return claimOfConnector(tree)
    case 'StatusCode':
      return claimOfOpcUa(tree)
    case 'statusCode':
      // Other small numbers are those of HTTP and the like.
      return typeof tree === 'number' && tree !== 0 && tree > 0 && tree < 65_536 ? undefined : claimOfOpcUa(tree)
    default:
      return claimOf(tree)
  }
}

const PARTS: ReadonlySet<string> = new Set([
  ...['Code', 'code', 'StatusCode', 'statusCode', 'value', 'Symbol', 'symbol', 'Name', 'name', 'lwm2m509'],
])

/** Whether a quality is an object with other members than those that make a quality. */
export function saysMore(tree: Tree): boolean {
  if (!isObject(tree)) return false
  for (const name in tree) if (!PARTS.has(name)) return true
  return false
}

/** The claim of a member that is a reading as well; undefined: it says nothing about the quality. */
export function claimOfOtherMember(name: string, tree: Tree): Verdict | undefined {
  return name === 'status' || name === 'Status' ? claimOfStatus(tree) : undefined
}

/**
 * Whether `q` next to `v` is a metric: a number that no code for a quality has, or one of several plain numbers.
 */
export function isMetricQ(object: TreeObject, q: Tree): boolean {
  if (typeof q !== 'number') return false
  if (!isQualityCode(q)) return true
  let siblings = 0
  for (const name in object) {
    if (typeof object[name] === 'number' && !MEANINGS.has(name) && !isTimeName(name)) siblings++
  }
  return siblings >= SIBLINGS_MIN
}

/** Members whose object or array has the readings to which a quality next to them applies. */
export function carriesReadings(name: string): boolean {
  return name === 'value' || name === 'Value' || name === 'v' || name === 'val' || name === 'Payload'
}

/** The claim that an object makes for the readings in its member `name`. */
export function claimForContents(object: TreeObject, name: string): Verdict | undefined {
  let claim: Verdict | undefined
  for (const member of NEIGHBOURS) {
    const tree = object[member]
    if (tree === undefined || tree === null) continue
    // A status next to the payload of a message is mostly that of a machine: only that of OPC UA counts.
    const isStatus = member === 'Status' || member === 'status'
    if (isStatus && name === 'Payload' && typeof tree === 'string' && !/^(?:0x|Good|Bad|Uncertain)/.test(tree)) continue
    const given = isStatus ? claimOfStatus(tree) : claimOfMember(member, tree)
    if (given !== undefined) claim = claim === undefined ? given : worstClaim(claim, given)
  }
  return claim
}

/** A value of OPC UA in the reversible encoding, `{"Type": 11, "Body": 21.5}`: its Body. Undefined: it is something else. */
export function variantBody(tree: Tree | undefined): Tree | undefined {
  if (!isObject(tree) || tree.Body === undefined || !Number.isInteger(tree.Type)) return undefined
  return tree.Body
}
