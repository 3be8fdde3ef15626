import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'

/** A number that a bench takes: its default at full scale and with `--small`. */
export interface NumberOption {
  readonly full: number
  readonly small: number
  /** Default: 1. */
  readonly min?: number
  /** Default: whole numbers only. */
  readonly fraction?: boolean
}

/** Exit code for a wrong command line. */
const USAGE = 64

type Others = ParseArgsOptionsConfig
type Parsed<O extends Others> = ReturnType<typeof parseArgs<{ options: O }>>['values']

interface Options<N extends string, O extends Others> {
  /** The result as JSON on the last line of standard output. */
  readonly json: boolean
  /** At small scale a bench shows that it works and that its checks pass; its figures say nothing. */
  readonly small: boolean
  readonly numbers: Readonly<Record<N, number>>
  readonly others: Parsed<O>
}

/** Options of a bench that reads series (series.ts), in addition to its numbers. */
export const SERIES_OPTIONS = { data: { type: 'string' } } as const satisfies Others

/** Reads the command line of a bench. Ends the process with a message when the command line is wrong. */
export function readOptions<N extends string, O extends Others = Record<never, never>>(
  known: Readonly<Record<N, NumberOption>>,
  others: O = {} as O,
): Options<N, O> {
  const names = Object.keys(known) as N[]
  const values = parse({
    json: { type: 'boolean' },
    small: { type: 'boolean' },
    ...Object.fromEntries(names.map((name) => [name, { type: 'string' } as const])),
    ...others,
  })
  const small = values.small === true
  const numbers = Object.fromEntries(
    names.map((name) => {
      const given = values[name]
      const option = known[name]
      if (typeof given === 'string') return [name, readNumber(name, given, option)]
      return [name, small ? option.small : option.full]
    }),
  ) as Record<N, number>
  // Folders and variants of the series are for the processes that a bench starts, too.
  if (typeof values.data === 'string') process.env.BENCH_DATA = values.data
  if (values.varied === true) process.env.BENCH_VARIED = '1'
  return { json: values.json === true, small, numbers, others: values as Parsed<O> }
}

function parse(options: Others): Record<string, unknown> {
  try {
    return parseArgs({ options, strict: true }).values
  } catch (failure) {
    return usage((failure as Error).message)
  }
}

function readNumber(name: string, text: string, { min = 1, fraction = false }: NumberOption): number {
  const number = Number(text)
  const allowed = text.trim() !== '' && Number.isFinite(number) && number >= min
  if (allowed && (fraction || Number.isInteger(number))) return number
  return usage(`--${name} ${text}: expected a ${fraction ? '' : 'whole '}number of at least ${min}`)
}

/** Ends the process: the command line is wrong. */
export function usage(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(USAGE)
}
