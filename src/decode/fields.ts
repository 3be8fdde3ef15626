import type { Verdict } from '../base/reading.ts'
import { nameProblem } from '../base/topics.ts'
import { NOT_UNDERSTOOD, TIME_INVALID, TIME_ZONE, worstClaim } from './claim.ts'
import type { DecodeDraft } from './draft.ts'
import { UNIT_CHARS_MAX } from './limits.ts'
import { PayloadProblem } from './problem.ts'
import { claimOfMember, claimOfOtherMember, saysMore, variantBody } from './quality/members.ts'
import { isNoValue } from './scalar.ts'
import { isTimeName, TIME_NAMES } from './time/names.ts'
import { NotATime, timeOf, UncertainTime } from './time.ts'
import { isObject, kindOf, type Tree, type TreeObject } from './tree.ts'

/** A time that is further ahead of the arrival than this (ms) is not used if an enclosing object has a time. */
const AHEAD_MS_MAX = 86_400_000

/** A `t` next to a value that is nearer to 0 than this, and not 0, is a temperature or the like, not a time. */
const NO_TIME_MAX = 10_000

/**
 * Devices have this next to their local time of day. If another member with the name of a time has none, the reading
 * gets the time of its arrival and the mark, whatever this one says.
 */
const ONLY_TIME = 'unixtime'

/** The ranks of members with the same meaning: the lowest one counts, whatever their order is. */
const UNITS = ['unit', 'u', 'Unit'] as const

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
      return isTimeName(name)
  }
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
  if (!isObject(tree) || variantBody(tree) !== undefined) return true
  return [tree.value, tree.v, tree.Value, tree.val].some((inner) => inner !== undefined && !isObject(inner))
}

/** Whether a unit next to an array, or around a measurement, applies to this element of it. */
export function takesUnit(item: Tree): boolean {
  if (!isObject(item)) return true
  return valueMember(item) !== undefined && !UNITS.some((name) => typeof unitOf(item[name] ?? null) === 'string')
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
      case 'Q':
      case 'QUALITY':
      case 'qc':
      case 'StatusCode':
      case 'statusCode':
        return this.#takeClaim(name, tree)
      case 'backfill':
      case 'historical':
        this.#takeHistorical(name, tree)
        return true
      default:
        if (!isTimeName(name)) return false
        this.#takeTime(name, tree)
        return true
    }
  }

  /** A member that is a reading of its own, and may say a quality as well. */
  takeOther(name: string, tree: Tree): void {
    this.#worsen(claimOfOtherMember(name, tree))
  }

  /** The unit is a reading of its own, because it applies to no value. */
  keepUnit(): void {
    if (this.#unitName !== undefined) this.#setAside(this.#unitName)
    this.unit = undefined
  }

  #takeTime(name: string, tree: Tree): void {
    if (tree === null || isNoValue(tree)) return
    const found = timeOf(tree, this.#draft)
    const ms = found instanceof UncertainTime ? found.ms : found
    if (name === 't' && typeof tree === 'number' && Math.abs(tree) < NO_TIME_MAX && tree !== 0) {
      return this.#setAside(name)
    }
    if (ms instanceof NotATime || (this.#timed && ms > this.#draft.receivedAt + AHEAD_MS_MAX)) {
      this.#hasOddTime = true
      this.#setAside(name)
      if (this.#timeName === ONLY_TIME) this.#dropTime(ONLY_TIME)
      return
    }
    if (name === ONLY_TIME && this.#hasOddTime) return this.#setAside(name)
    if (!this.#wins(name, this.#timeName, TIME_NAMES)) return
    this.#timeName = name
    this.ts = ms
    this.#zoneClaim = found instanceof UncertainTime ? TIME_ZONE : undefined
  }

  #dropTime(name: string): void {
    this.#setAside(name)
    this.#timeName = undefined
    this.ts = undefined
  }

  #takeUnit(name: string, tree: Tree): void {
    const unit = unitOf(tree)
    if (unit instanceof PayloadProblem) return this.#setAside(name)
    if (unit === undefined || !this.#wins(name, this.#unitName, UNITS)) return
    this.#unitName = name
    this.unit = unit
  }

  /** False: the member is none, but a reading of its own. */
  #takeClaim(name: string, tree: Tree): boolean {
    if (tree === null) return true
    const claim = claimOfMember(name, tree)
    if (claim === undefined) return false
    this.#worsen(claim)
    // What a quality says that is not understood must not be lost.
    if ((claim === NOT_UNDERSTOOD && !isNoValue(tree)) || saysMore(tree)) this.#setAside(name)
    return true
  }

  #worsen(claim: Verdict | undefined): void {
    if (claim !== undefined) this.claim = this.claim === undefined ? claim : worstClaim(this.claim, claim)
  }

  #takeHistorical(name: string, tree: Tree): void {
    if (tree === null) return
    if (typeof tree !== 'boolean') return this.#setAside(name)
    if (this.#markName !== undefined && tree !== this.historical) {
      // If one of them says that the reading is late, it must not count as new.
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
