import type { ExitCode } from '../base/errors.ts'
import type { Output } from './output.ts'

/** A switch: present or not. */
interface Flag {
  readonly kind: 'flag'
  readonly short?: string
  readonly help: string
}

/** An option with a value. `value` is the word that stands for it in help texts. */
interface TextOption {
  readonly kind: 'text'
  readonly value: string
  readonly short?: string
  readonly help: string
  readonly required?: true
  readonly fallback?: string
  /** The values that exist, where only some do. */
  readonly oneOf?: readonly string[]
}

interface NumberOption {
  readonly kind: 'number'
  readonly value: string
  readonly short?: string
  readonly help: string
  readonly fallback?: number
  readonly min: number
  readonly max: number
  /** Fractions are allowed. */
  readonly fraction?: true
}

export type Option = Flag | TextOption | NumberOption
export type Options = Readonly<Record<string, Option>>

type ValueOf<O extends Option> = O extends { kind: 'flag' }
  ? boolean
  :
      | (O extends { oneOf: readonly (infer One)[] } ? One : O extends { kind: 'number' } ? number : string)
      | (O extends { required: true } | { fallback: string | number } ? never : undefined)

/** The checked options of one call, by their names. */
export type Values<O extends Options> = { readonly [Name in keyof O]: ValueOf<O[Name]> }

/** What stands on a command line beside options; `max` of Infinity takes any number. */
export interface Operands {
  readonly value: string
  readonly help: string
  readonly min: number
  readonly max: number
}

export interface Call<O extends Options> {
  readonly values: Values<O>
  readonly operands: readonly string[]
  readonly output: Output
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * One command: what a person must know of it, and what it does. Help, checks and the values' types all come from here.
 * `run` imports the parts that it needs when it is called, so that help and misuse answer at once.
 */
export interface Declaration<O extends Options> {
  /** One word or several: `run`, `settings check`. */
  readonly name: string
  readonly summary: string
  /** Paragraphs for `--help`, each one line of any length. */
  readonly notes?: readonly string[]
  readonly options: O
  readonly operands?: Operands
  /** What follows `tidegate` in a call that works. */
  readonly examples: readonly string[]
  run(call: Call<O>): Promise<ExitCode>
}

/** A command whose own types of values are settled inside. */
export type Command = Declaration<Options>

/** Declares a command. The command line hands it nothing but values checked against its own options. */
export function command<const O extends Options>(declaration: Declaration<O>): Command {
  return { ...declaration, run: (call) => declaration.run({ ...call, values: call.values as Values<O> }) }
}

/** Options that several commands share. */
export const shared = {
  settings: { kind: 'text', short: 's', value: 'FILE', help: 'Settings file of the edge', required: true },
  json: { kind: 'flag', help: 'Print JSON' },
} as const
