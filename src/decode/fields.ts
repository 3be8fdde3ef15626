import type { Value, Verdict } from '../base/reading.ts'
import { claimOf } from './claim.ts'
import { UNIT_CHARS_MAX } from './limits.ts'
import { PayloadProblem } from './problem.ts'
import { scalarValue } from './scalar.ts'
import { timeOf } from './time.ts'
import { kindOf, type Tree } from './tree.ts'

/** Whether a member applies to a whole group of metrics. `t`, `v`, `u` and `q` do not: they may name a metric there. */
export function isGroupMember(name: string): boolean {
  return name === 'ts' || name === 'time' || name === 'timestamp' || name === 'backfill' || name === 'historical'
}

/** The members of a measurement. `null` means not known, for every member except the value. */
export class Fields {
  value: Value | undefined = undefined
  /** UTC milliseconds. */
  ts: number | undefined = undefined
  unit: string | undefined = undefined
  claim: Verdict | undefined = undefined
  historical: boolean | undefined = undefined

  /** Reads one member. False: its name has no special meaning. Two names for the same thing are a problem. */
  take(name: string, tree: Tree): boolean | PayloadProblem {
    switch (name) {
      case 'value':
      case 'v':
        return this.#takeValue(tree)
      case 'ts':
      case 't':
      case 'time':
      case 'timestamp':
        return this.#takeTime(tree)
      case 'unit':
      case 'u':
        return this.#takeUnit(tree)
      case 'quality':
      case 'q':
        if (this.claim !== undefined) return new PayloadProblem('a second quality')
        if (tree !== null) this.claim = claimOf(tree)
        return true
      case 'backfill':
      case 'historical':
        return this.#takeHistorical(tree)
      default:
        return false
    }
  }

  #takeValue(tree: Tree): true | PayloadProblem {
    if (this.value !== undefined) return new PayloadProblem('a second value')
    const value = scalarValue(tree)
    if (value instanceof PayloadProblem) return value
    this.value = value
    return true
  }

  #takeTime(tree: Tree): true | PayloadProblem {
    if (this.ts !== undefined) return new PayloadProblem('a second time')
    if (tree === null) return true
    const ts = timeOf(tree)
    if (ts instanceof PayloadProblem) return ts
    this.ts = ts
    return true
  }

  #takeUnit(tree: Tree): true | PayloadProblem {
    if (this.unit !== undefined) return new PayloadProblem('a second unit')
    const unit = unitOf(tree)
    if (unit instanceof PayloadProblem) return unit
    this.unit = unit
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

/** A unit as the device spells it; undefined: null or empty. */
export function unitOf(tree: Tree): string | undefined | PayloadProblem {
  if (tree === null || tree === '') return undefined
  if (typeof tree !== 'string') return new PayloadProblem(`expected a unit, found ${kindOf(tree)}`)
  if (tree.length > UNIT_CHARS_MAX) return new PayloadProblem(`a unit longer than ${UNIT_CHARS_MAX} characters`)
  return tree.isWellFormed() ? tree : new PayloadProblem('a unit with a lone surrogate')
}
