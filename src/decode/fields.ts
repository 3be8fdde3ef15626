import type { Value, Verdict } from '../base/reading.ts'
import { nameProblem } from '../base/topics.ts'
import { claimOf, claimOfConnector, TIME_INVALID, TIME_ZONE } from './claim.ts'
import { UNIT_CHARS_MAX } from './limits.ts'
import { PayloadProblem } from './problem.ts'
import { quantityOf } from './quantity.ts'
import type { ReadingRules } from './rules.ts'
import { isNoValue, scalarValue } from './scalar.ts'
import { NotATime, timeOf, UncertainTime } from './time.ts'
import { kindOf, type Tree } from './tree.ts'

/** Whether a member applies to a whole group of metrics. `t`, `v`, `u` and `q` do not: they may name a metric there. */
export function isGroupMember(name: string): boolean {
  return name === 'ts' || name === 'time' || name === 'timestamp' || name === 'backfill' || name === 'historical'
}

/** The members of a measurement. `null` means not known, for every member except the value. */
export class Fields {
  value: Value | undefined = undefined
  /** The unit inside the text of the value. */
  valueUnit: string | undefined = undefined
  /** UTC milliseconds. */
  ts: number | undefined = undefined
  /** What is wrong with the time; the reading has the time of its arrival if there is no `ts`. */
  timeClaim: Verdict | undefined = undefined
  unit: string | undefined = undefined
  claim: Verdict | undefined = undefined
  historical: boolean | undefined = undefined
  readonly #message: { readonly receivedAt: number; readonly rules: ReadingRules }
  /** Members that look like a time by their name only. */
  #others: string[] | undefined = undefined

  constructor(message: { readonly receivedAt: number; readonly rules: ReadingRules }) {
    this.#message = message
  }

  /** Whether `take` found something else in this member than its name promises: it is a reading of its own. */
  isOther(name: string): boolean {
    return this.#others?.includes(name) === true
  }

  /**
   * Reads one member. False: it has no special meaning, and is a reading of its own. Two names for the same thing are a
   * problem.
   */
  take(name: string, tree: Tree): boolean | PayloadProblem {
    switch (name) {
      case 'value':
      case 'v':
        return this.#takeValue(tree)
      case 'ts':
      case 't':
      case 'time':
      case 'timestamp':
        return this.#takeTime(name, tree)
      case 'unit':
      case 'u':
        return this.#takeUnit(tree)
      case 'quality':
      case 'q':
        return this.#takeQuality(tree, claimOf)
      case 'qc':
        return this.#takeQuality(tree, claimOfConnector)
      case 'backfill':
      case 'historical':
        return this.#takeHistorical(tree)
      default:
        return false
    }
  }

  #takeValue(tree: Tree): true | PayloadProblem {
    if (this.value !== undefined) return new PayloadProblem('a second value')
    const { rules } = this.#message
    const quantity = rules.numbers === 'lenient' ? quantityOf(tree) : undefined
    const value = quantity?.value ?? scalarValue(tree, rules.noValueTexts)
    if (value instanceof PayloadProblem) return value
    this.value = value
    this.valueUnit = quantity?.unit
    return true
  }

  #takeTime(name: string, tree: Tree): boolean | PayloadProblem {
    if (this.ts !== undefined) return new PayloadProblem('a second time')
    if (tree === null || isNoValue(tree)) return true
    const found = timeOf(tree, this.#message)
    if (found instanceof NotATime) {
      this.timeClaim = TIME_INVALID
      if (typeof tree === 'number' && !Number.isFinite(tree)) return true
      this.#others ??= []
      this.#others.push(name)
      return false
    }
    this.timeClaim = found instanceof UncertainTime ? TIME_ZONE : undefined
    this.ts = found instanceof UncertainTime ? found.ms : found
    return true
  }

  #takeUnit(tree: Tree): boolean | PayloadProblem {
    if (this.unit !== undefined) return new PayloadProblem('a second unit')
    const unit = unitOf(tree)
    if (unit instanceof PayloadProblem) return false
    this.unit = unit
    return true
  }

  #takeQuality(tree: Tree, read: (tree: Tree) => Verdict): true | PayloadProblem {
    if (this.claim !== undefined) return new PayloadProblem('a second quality')
    if (tree !== null) this.claim = read(tree)
    return true
  }

  #takeHistorical(tree: Tree): true | PayloadProblem {
    if (tree !== null && typeof tree !== 'boolean')
      return new PayloadProblem(`expected true or false, found ${kindOf(tree)}`)
    if (this.historical !== undefined) return new PayloadProblem('a second backfill mark')
    this.historical = tree ?? undefined
    return true
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
