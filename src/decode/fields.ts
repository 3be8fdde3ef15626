import type { Verdict } from '../base/reading.ts'
import { nameProblem } from '../base/topics.ts'
import { claimOf, claimOfConnector, claimOfStatus, isUnderstood, joinClaims, TIME_INVALID, TIME_ZONE } from './claim.ts'
import type { DecodeDraft } from './draft.ts'
import { UNIT_CHARS_MAX } from './limits.ts'
import { PayloadProblem } from './problem.ts'
import { isNoValue } from './scalar.ts'
import { NotATime, timeOf, UncertainTime } from './time.ts'
import { isArray, isObject, kindOf, type Tree, type TreeObject } from './tree.ts'

/** A time that is further ahead of the arrival than this (ms) is none, if an enclosing object has a time. */
const AHEAD_MS_MAX = 86_400_000

/** The ranks of members with the same meaning: the lowest one counts, whatever their order is. */
const TIMES = ['ts', 'time', 'timestamp', 't', 'SourceTimestamp', 'Timestamp', 'received_at'] as const
const UNITS = ['unit', 'u', 'Unit'] as const
const QUALITIES = ['quality', 'q', 'Quality', 'StatusCode', 'qc'] as const

/**
 * Whether a member applies to a whole group of metrics. `t`, `v`, `u` and `q` do not: they may name a metric there.
 */
export function isGroupMember(name: string): boolean {
  switch (name) {
    case 'ts':
    case 'time':
    case 'timestamp':
    case 'Timestamp':
    case 'SourceTimestamp':
    case 'received_at':
    case 'backfill':
    case 'historical':
      return true
    default:
      return false
  }
}

/** Members with which an element of an array says its own time. */
export function hasTime(object: TreeObject): boolean {
  return TIMES.some((name) => object[name] !== undefined)
}

/** Members that hold the value of a measurement, the first of them that is there. */
export type ValueMember = 'value' | 'v' | 'Value' | 'val'

/**
 * The member that holds the value of a measurement; undefined: the object is not a measurement. An object as a value is
 * one only if it is a measurement itself.
 */
export function valueMember(object: TreeObject): ValueMember | undefined {
  if (isValue(object.value)) return 'value'
  if (isValue(object.v)) return 'v'
  if (isValue(object.Value)) return 'Value'
  return isValue(object.val) ? 'val' : undefined
}

function isValue(tree: Tree | undefined): boolean {
  if (tree === undefined) return false
  if (!isObject(tree)) return true
  return [tree.value, tree.v, tree.Value, tree.val].some((inner) => inner !== undefined && !isObject(inner))
}

/**
 * What the members of an object say about its readings. `null` means not known. A member whose content is not what its
 * name promises, and the second one of two with the same meaning, is an `other`: a reading of its own.
 */
export class Fields {
  /** UTC milliseconds. */
  ts: number | undefined = undefined
  unit: string | undefined = undefined
  claim: Verdict | undefined = undefined
  historical: boolean | undefined = undefined
  readonly #draft: DecodeDraft
  /** Whether an enclosing object has a time. */
  readonly #timed: boolean
  #others: string[] | undefined = undefined
  #zoneClaim: Verdict | undefined = undefined
  #hasOddTime = false
  #timeName: string | undefined = undefined
  #unitName: string | undefined = undefined
  #claimName: string | undefined = undefined
  #markName: string | undefined = undefined

  constructor(draft: DecodeDraft, timed: boolean) {
    this.#draft = draft
    this.#timed = timed
  }

  /** What is wrong with the time of the readings; undefined: nothing. */
  get timeClaim(): Verdict | undefined {
    if (this.ts !== undefined) return this.#zoneClaim
    return this.#hasOddTime && !this.#timed ? TIME_INVALID : undefined
  }

  /** Members that `take` has set aside: they are readings of their own. Ask after all members were taken. */
  get others(): readonly string[] | undefined {
    return this.#others
  }

  /** Whether `take` has found that this member is a reading of its own. Ask after all members were taken. */
  isOther(name: string): boolean {
    return this.#others?.includes(name) === true
  }

  /** Reads one member. Call it for every member, then ask `isOther` about those for which it returned true. */
  take(name: string, tree: Tree): boolean {
    switch (name) {
      case 'ts':
      case 't':
      case 'time':
      case 'timestamp':
      case 'Timestamp':
      case 'SourceTimestamp':
      case 'received_at':
        this.#takeTime(name, tree)
        return true
      case 'unit':
      case 'u':
      case 'Unit':
        this.#takeUnit(name, tree)
        return true
      case 'quality':
      case 'q':
      case 'Quality':
        this.#takeClaim(name, tree, claimOf)
        return true
      case 'qc':
        this.#takeClaim(name, tree, claimOfConnector)
        return true
      case 'StatusCode':
        this.#takeClaim(name, tree, (code) => claimOf(isObject(code) ? code : { Code: code }))
        return true
      case 'backfill':
      case 'historical':
        this.#takeHistorical(name, tree)
        return true
      default:
        return false
    }
  }

  /** A status that is a term for a quality; it stays a reading of its own. */
  takeStatus(tree: Tree | undefined): void {
    if (typeof tree === 'string') this.claim = joinClaims(this.claim, claimOfStatus(tree))
  }

  #takeTime(name: string, tree: Tree): void {
    if (tree === null || isNoValue(tree)) return
    const found = timeOf(tree, this.#draft)
    const ms = found instanceof UncertainTime ? found.ms : found
    if (ms instanceof NotATime || (this.#timed && ms > this.#draft.receivedAt + AHEAD_MS_MAX)) {
      this.#hasOddTime = true
      this.#setAside(name)
      return
    }
    if (!this.#wins(name, this.#timeName, TIMES)) return
    this.#timeName = name
    this.ts = ms
    this.#zoneClaim = found instanceof UncertainTime ? TIME_ZONE : undefined
  }

  #takeUnit(name: string, tree: Tree): void {
    const unit = unitOf(tree)
    if (unit instanceof PayloadProblem) return this.#setAside(name)
    if (unit === undefined || !this.#wins(name, this.#unitName, UNITS)) return
    this.#unitName = name
    this.unit = unit
  }

  #takeClaim(name: string, tree: Tree, read: (tree: Tree) => Verdict): void {
    if (tree === null || !this.#wins(name, this.#claimName, QUALITIES)) return
    this.#claimName = name
    this.claim = read(tree)
    // What is inside of a quality that is not understood must not be lost.
    if ((isObject(tree) && !isUnderstood(tree)) || isArray(tree)) this.#setAside(name)
  }

  #takeHistorical(name: string, tree: Tree): void {
    if (tree === null) return
    if (typeof tree !== 'boolean') return this.#setAside(name)
    if (this.#markName !== undefined && tree !== this.historical) {
      // Late is what one of them says: it must not be taken for new.
      this.historical = true
      return
    }
    this.#markName = name
    this.historical = tree
  }

  /** Whether this member counts, and not the one that was taken before; the other one is set aside. */
  #wins(name: string, taken: string | undefined, ranks: readonly string[]): boolean {
    if (taken === undefined) return true
    const wins = ranks.indexOf(name) < ranks.indexOf(taken)
    this.#setAside(wins ? taken : name)
    return wins
  }

  #setAside(name: string): void {
    this.#others ??= []
    this.#others.push(name)
  }
}

/** A unit as the device spells it; undefined: null or empty. Its characters are those of a name. */
export function unitOf(tree: Tree): string | undefined | PayloadProblem {
  if (tree === null || tree === '') return undefined
  if (typeof tree !== 'string') return new PayloadProblem(`expected a unit, found ${kindOf(tree)}`)
  if (tree.length > UNIT_CHARS_MAX) return new PayloadProblem(`a unit longer than ${UNIT_CHARS_MAX} characters`)
  const problem = nameProblem(tree)
  return problem === undefined ? tree : new PayloadProblem(problem.replace('a name', 'a unit'))
}
