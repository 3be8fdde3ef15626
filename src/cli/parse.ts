import { parseArgs } from 'node:util'
import { Exit, messageOf, OperatorError } from '../base/errors.ts'
import { suggestion } from '../base/nearest.ts'
import type { Command, Option, Options, Values } from './command.ts'

/** A parsed command line. */
export type CommandRequest =
  | { readonly kind: 'version' }
  /** Help on all commands, on the commands of a group (`settings`), or on one command. */
  | { readonly kind: 'help'; readonly about: readonly Command[] }
  | {
      readonly kind: 'run'
      readonly command: Command
      readonly values: Values<Options>
      readonly operands: readonly string[]
    }

/**
 * Parses the arguments after `tidegate`.
 * @throws OperatorError (exit 64) with the most similar name that exists
 */
export function parseCommandLine(commands: readonly Command[], args: readonly string[]): CommandRequest {
  const [first = ''] = args
  // Node.js replaces ill-formed UTF-8, so that two names could become one.
  const illFormed = args.find((arg) => arg.includes('\ufffd'))
  if (illFormed !== undefined) throw misuse(`the argument "${illFormed}" is not UTF-8`)
  if (first === '--version' || first === '-V') return { kind: 'version' }
  if (isHelp(first)) return { kind: 'help', about: commands }
  if (first.startsWith('-')) throw misuse(`unknown option ${first} before the command`)
  if (!commands.some(({ name }) => firstPart(name) === first)) throw unknownCommand([first], commands)
  const command = commands
    .filter(({ name }) => begins(args, name.split(' ')))
    .toSorted((a, b) => b.name.length - a.name.length)[0]
  if (command === undefined) {
    let depth = 1
    while (depth < args.length && commands.some(({ name }) => begins(name.split(' '), args.slice(0, depth + 1))))
      depth++
    const group = commands.filter(({ name }) => begins(name.split(' '), args.slice(0, depth)))
    if (isHelp(args[depth] ?? '')) return { kind: 'help', about: group }
    throw unknownCommand(args.slice(0, depth + 1), group)
  }
  const rest = args.slice(command.name.split(' ').length)
  const beforeDashes = rest.indexOf('--') === -1 ? rest : rest.slice(0, rest.indexOf('--'))
  if (beforeDashes.some(isHelp)) return { kind: 'help', about: [command] }
  return { kind: 'run', command, ...parseRest(command, rest) }
}

function begins(args: readonly string[], beginning: readonly string[]): boolean {
  return beginning.length <= args.length && beginning.every((part, i) => args[i] === part)
}

function firstPart(name: string): string {
  return name.split(' ', 1)[0]!
}

function isHelp(arg: string): boolean {
  return arg === '--help' || arg === '-h'
}

function misuse(message: string, about = ''): OperatorError {
  return new OperatorError(message, {
    remedy: `see \`tidegate ${about === '' ? '' : `${about} `}--help\``,
    exitCode: Exit.USAGE,
  })
}

function unknownCommand(args: readonly string[], among: readonly Command[]): OperatorError {
  const names = among.map(({ name }) => name)
  const given = args.join(' ')
  if (given === '') return misuse('no command is given')
  if (names.some((name) => name.startsWith(`${given} `))) {
    const next = new Set(names.map((name) => name.split(' ')[args.length]))
    return misuse(`"${given}" needs a subcommand: ${[...next].join(', ')}`, given)
  }
  return misuse(`unknown command "${given}"${suggestion(given, [...names, ...names.map(firstPart)])}`)
}

function parseRest(
  { name, options, operands }: Command,
  rest: readonly string[],
): { readonly values: Values<Options>; readonly operands: readonly string[] } {
  const args = withSignedValues(rest, options)
  const known = Object.fromEntries(Object.entries(options).map(([key, option]) => [key, parseArgsOption(option)]))
  const { tokens } = parseArgs({ args, options: known, allowPositionals: true, strict: false, tokens: true })
  const seen = new Set<string>()
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    if (options[token.name] === undefined) {
      const names = Object.keys(options).map((key) => `--${key}`)
      throw misuse(`${name}: unknown option ${token.rawName}${suggestion(token.rawName, names)}`, name)
    }
    if (seen.has(token.name)) throw misuse(`${name}: --${token.name} is given twice`, name)
    seen.add(token.name)
  }
  const given = parseStrictly(name, args, known)
  const values: Record<string, unknown> = {}
  for (const [key, option] of Object.entries(options)) values[key] = checkedValue(name, key, option, given.values[key])
  const { min, max, value } = operands ?? { min: 0, max: 0, value: '' }
  const count = given.positionals.length
  if (count < min) throw misuse(`${name}: ${value} is missing`, name)
  if (count > max) throw misuse(`${name}: "${given.positionals[max]}" is one argument too many`, name)
  // `checkedValue` has produced each value according to its own option.
  return { values: values as Values<Options>, operands: given.positionals }
}

/** Turns `--from -24h` into `--from=-24h`: `parseArgs` treats an argument that begins with a dash as another option. */
function withSignedValues(given: readonly string[], options: Options): string[] {
  const args: string[] = []
  for (const [i, arg] of given.entries()) {
    if (arg === '--') return [...args, ...given.slice(i)]
    const before = args.at(-1)
    const takesValue =
      before?.startsWith('--') === true && /^(?:text|number)$/.test(options[before.slice(2)]?.kind ?? '')
    if (takesValue && /^-\d/.test(arg)) args[args.length - 1] = `${before}=${arg}`
    else args.push(arg)
  }
  return args
}

interface ParseArgsOption {
  readonly type: 'boolean' | 'string'
  readonly short?: string
}

function parseArgsOption({ kind, short }: Option): ParseArgsOption {
  const type = kind === 'flag' ? 'boolean' : 'string'
  return short === undefined ? { type } : { type, short }
}

function parseStrictly(name: string, args: string[], options: Record<string, ParseArgsOption>) {
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true })
  } catch (refusal) {
    throw misuse(`${name}: ${messageOf(refusal).split('\n')[0]}`, name)
  }
}

function checkedValue(name: string, key: string, option: Option, given: unknown): unknown {
  if (option.kind === 'flag') return given === true
  if (typeof given !== 'string') {
    if (option.kind === 'text' && option.required) throw misuse(`${name}: --${key} ${option.value} is required`, name)
    return option.fallback
  }
  if (option.kind === 'number') {
    const number = given.trim() === '' ? Number.NaN : Number(given)
    const fits = number >= option.min && number <= option.max && (option.fraction || Number.isInteger(number))
    const kind = option.fraction ? 'a number' : 'a whole number'
    if (!fits)
      throw misuse(`${name}: --${key} must be ${kind} from ${option.min} to ${option.max}, not "${given}"`, name)
    return number
  }
  if (option.oneOf && !option.oneOf.includes(given)) {
    const hint = suggestion(given, option.oneOf)
    throw misuse(`${name}: --${key} must be one of ${option.oneOf.join(', ')}, not "${given}"${hint}`, name)
  }
  if (given === '') throw misuse(`${name}: --${key} is empty`, name)
  return given
}
