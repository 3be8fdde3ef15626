import type { ExitCode } from '../base/errors.ts'
import type { Output } from './output.ts'

/** An option without a value. */
interface Flag {
  readonly kind: 'flag'
  readonly short?: string
  readonly help: string
}

/** An option with a text value. `value` is the placeholder in help texts. */
interface TextOption {
  readonly kind: 'text'
  readonly value: string
  readonly short?: string
  readonly help: string
  readonly required?: true
  readonly fallback?: string
  /** The permitted values; absent: any text. */
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

/** The checked options of one call, by name. */
export type Values<O extends Options> = { readonly [Name in keyof O]: ValueOf<O[Name]> }

/** The arguments that are not options; `max` may be Infinity. */
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
 * One command: its help and its action. Help texts, checks and the types of the values are all derived from this.
 * `run` imports the modules that it needs when it is called, so that help and usage errors appear at once.
 */
export interface Declaration<O extends Options> {
  /** One or more parts: `run`, `settings check`. */
  readonly name: string
  readonly summary: string
  /** Paragraphs for `--help`; each is one line of any length, which the help wraps. */
  readonly notes?: readonly string[]
  readonly options: O
  readonly operands?: Operands
  /** Complete calls without the leading `tidegate`; they must work when pasted into a shell. */
  readonly examples: readonly string[]
  run(call: Call<O>): Promise<ExitCode>
}

/** A command whose value types are checked and hidden. */
export type Command = Declaration<Options>

/** Declares a command. The command line passes only values that were checked against the command's own options. */
export function command<const O extends Options>(declaration: Declaration<O>): Command {
  return { ...declaration, run: (call) => declaration.run({ ...call, values: call.values as Values<O> }) }
}

/** Options that are the same in several commands. */
export const shared = {
  settings: { kind: 'text', short: 's', value: 'FILE', help: 'Settings file of the edge', required: true },
  json: { kind: 'flag', help: 'Print JSON' },
} as const
