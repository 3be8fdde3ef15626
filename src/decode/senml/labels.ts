import type { Value } from '../../base/reading.ts'
import { unitOf } from '../fields.ts'
import { PayloadProblem } from '../problem.ts'
import { scalarValue } from '../scalar.ts'
import { kindOf, type Tree, type TreeObject } from '../tree.ts'

/** RFC 8428 §4.2: number, text, boolean, bytes. */
export const VALUE_LABELS = ['v', 'vs', 'vb', 'vd'] as const

const BASE_LABELS: ReadonlySet<string> = new Set(['bn', 'bt', 'bu', 'bv', 'bs', 'bver'])
/** RFC 8428 §5: base64 with the URL-safe alphabet, without padding. */
const BASE64_URL = /^[\w-]*$/

/** A field of a record that is not understood. */
interface OddLabel {
  readonly label: string
  readonly why: string
}

/** Reads the fields of one SenML record, each with its type (RFC 8428, table 1), and collects those that are not understood. */
export class Labels {
  /** True: the record only sets base fields for the records after it. */
  readonly baseOnly: boolean
  /** Why the whole pack is refused. */
  refusal: OddLabel | undefined = undefined
  readonly odd: OddLabel[] = []
  readonly #record: TreeObject

  constructor(record: TreeObject) {
    this.#record = record
    let baseOnly = true
    for (const label in record) {
      if (!BASE_LABELS.has(label)) baseOnly = false
      if (label.endsWith('_'))
        this.refuse(label, 'an unknown SenML field that must be understood (its label ends in _)')
    }
    this.baseOnly = baseOnly
  }

  /** The whole pack must be refused. */
  refuse(label: string, why: string): void {
    this.refusal ??= { label, why }
  }

  has(label: string): boolean {
    return this.#record[label] !== undefined
  }

  /** Whether this field is there and not understood. */
  isOdd(label: string): boolean {
    return this.odd.some((one) => one.label === label)
  }

  #reject(label: string, why: string): undefined {
    this.odd.push({ label, why })
    return undefined
  }

  text(label: string): string | undefined {
    const tree = this.#record[label]
    if (tree === undefined || typeof tree === 'string') return tree
    return this.#unexpected(label, 'a text', tree)
  }

  unit(label: string): string | undefined {
    const tree = this.#record[label]
    const unit = tree === undefined ? undefined : unitOf(tree)
    return unit instanceof PayloadProblem ? this.#reject(label, unit.why) : unit
  }

  number(label: string): number | undefined {
    const tree = this.#record[label]
    if (tree === undefined) return undefined
    if (typeof tree !== 'number' && typeof tree !== 'bigint') return this.#unexpected(label, 'a number', tree)
    const number = Number(tree)
    return Number.isFinite(number) ? number : this.#reject(label, 'a number beyond the range of a double')
  }

  /** The value of the record, with the base value added if it is a number; undefined: it has none. */
  value(base: number | undefined): Value | undefined {
    let found: { readonly label: string; readonly value: Value } | undefined
    for (const label of VALUE_LABELS) {
      const tree = this.#record[label]
      if (tree === undefined) continue
      const typed = this.#typed(label, tree, base)
      if (typed === undefined) continue
      const value = scalarValue(typed, false) // SenML has its own ways to say that there is no value
      if (value instanceof PayloadProblem) this.#reject(label, value.why)
      else if (found !== undefined) this.#reject(label, `a second value in addition to "${found.label}"`)
      else found = { label, value }
    }
    return found?.value
  }

  #typed(
    label: string,
    tree: Tree,
    base: number | undefined,
  ): number | bigint | string | boolean | Uint8Array | undefined {
    switch (label) {
      case 'v': {
        const isNumber = typeof tree === 'number' || typeof tree === 'bigint'
        if (!isNumber) return this.#unexpected(label, 'a number', tree)
        return base === undefined ? tree : Number(tree) + base
      }
      case 'vs':
        return typeof tree === 'string' ? tree : this.#unexpected(label, 'a text', tree)
      case 'vb':
        return typeof tree === 'boolean' ? tree : this.#unexpected(label, 'true or false', tree)
      default:
        if (tree instanceof Uint8Array) return tree
        if (typeof tree !== 'string') return this.#unexpected(label, 'base64', tree)
        // A copy: the Buffer pool is shared, and a value must not keep it alive.
        return BASE64_URL.test(tree) && tree.length % 4 !== 1
          ? new Uint8Array(Buffer.from(tree, 'base64url'))
          : this.#reject(label, 'not base64 with the URL-safe alphabet')
    }
  }

  #unexpected(label: string, expected: string, tree: Tree): undefined {
    return this.#reject(label, `expected ${expected}, found ${kindOf(tree)}`)
  }
}
