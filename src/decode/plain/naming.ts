import type { ElementName } from '../array/element-names.ts'
import type { RecordName } from '../array/record-name.ts'
import type { Fields, ValueMember } from '../fields.ts'
import { isMetricQ } from '../quality/members.ts'
import type { TreeObject } from '../tree.ts'

/** What a measurement says about its value. */
export type Meaning = Pick<Fields, 'unit' | 'claim'>

export const NO_MEANING: Meaning = Object.freeze({ unit: undefined, claim: undefined })

/** What the names of the readings in an element of an array begin with. */
export interface Place {
  readonly prefix: string
  /** The same for an element with a name of its own; undefined: the outermost array, on a topic that names no metric. */
  readonly short: string | undefined
  /** The name of the element, if the array has different things. */
  readonly name: ElementName | undefined
  /** What is said around the array about the values in it. */
  readonly meaning: Meaning
}

/** The names that a measurement has: its own, and what the names of its other members begin with. */
export interface Naming {
  readonly metric: string
  readonly prefix: string
  /** The member that holds the value. */
  readonly value: ValueMember
  /** The member that gave the name. */
  readonly named?: string | undefined
}

export const OUTERMOST = { metric: 'value', prefix: '' }
export const CONNECTOR: Naming = { metric: 'val', prefix: '', value: 'val' }
const SHORT: ReadonlySet<string> = new Set(['t', 'u', 'q', 'Q'])

/** The name that the array gives to an element after one of its members. */
export function givenName(name: ElementName | undefined): RecordName | undefined {
  return name?.member === undefined ? undefined : { metric: name.metric, member: name.member }
}

/** Whether a member of a measurement is a metric, although its name could mean something about the value. */
export function isMetric(name: string, object: TreeObject, { prefix, value }: Naming): boolean {
  if (name.length > 1) return false
  if (prefix === '' && SHORT.has(name)) return true
  return value === 'v' && (name === 'q' || name === 'Q') && isMetricQ(object, object[name]!)
}
