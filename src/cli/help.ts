import type { Command, Option, Options } from './command.ts'

/** The text of `tidegate COMMAND --help`. @param program how the examples call Tidegate, so that they can be pasted */
export function commandHelp(
  { name, summary, notes = [], options, operands, examples }: Command,
  program = 'tidegate',
): string {
  const required = Object.entries(options).filter(([, option]) => option.kind === 'text' && option.required)
  const usage = [
    'tidegate',
    name,
    ...(operands === undefined ? [] : [operandUsage(operands)]),
    ...required.map(([key, option]) => optionUsage(key, option)),
    ...(needsSource(options) ? ['(-s FILE | --data FOLDER)'] : []),
    ...(required.length < Object.keys(options).length ? ['[options]'] : []),
  ]
  const rows: [string, string][] = [
    ...(operands === undefined ? [] : ([[operands.value, operands.help]] as [string, string][])),
    ...Object.entries(options).map(([key, option]): [string, string] => [optionLabel(key, option), optionHelp(option)]),
    ['-h, --help', 'Show this help'],
  ]
  return sections([
    `${summary}.`,
    `Usage: ${usage.join(' ')}`,
    ...notes.map((note) => wrap(note, 0)),
    columns(rows),
    `Examples:\n${examples.map((example) => `  ${program} ${example}`).join('\n')}`,
  ])
}

/** The list of all commands, or of the commands of a group. */
export function overview(commands: readonly Command[], version: string): string {
  return sections([
    `Tidegate ${version}: an MQTT broker and bridge for the edge that never acknowledges what it could lose.`,
    'Usage: tidegate COMMAND [options]',
    `Commands:\n${columns(commands.map(({ name, summary }) => [name, summary]))}`,
    '`tidegate COMMAND --help` shows options and examples; `tidegate --version` prints the version.\n' +
      'Exit codes: 0 success, 1 failure or a problem found, 64 wrong usage, 69 not reachable or not running,\n' +
      '70 bug in Tidegate, 73 cannot create a file, 78 invalid settings.',
  ])
}

const WIDTH = 110

function sections(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n')
}

/** Whether the command reads a database that either a settings file or a data folder names. */
function needsSource({ settings, data }: Options): boolean {
  return settings?.kind === 'text' && !settings.required && data !== undefined
}

function operandUsage({ value, min, max }: { value: string; min: number; max: number }): string {
  const text = max > value.split(' ').length ? `${value} …` : value
  return min === 0 ? `[${text}]` : text
}

function optionUsage(key: string, option: Option): string {
  const label = option.short === undefined ? `--${key}` : `-${option.short}`
  return option.kind === 'flag' ? label : `${label} ${option.value}`
}

function optionLabel(key: string, option: Option): string {
  const short = option.short === undefined ? '    ' : `-${option.short}, `
  return `${short}--${key}${option.kind === 'flag' ? '' : ` ${option.value}`}`
}

function optionHelp(option: Option): string {
  if (option.kind === 'flag') return option.help
  const values = option.kind === 'text' ? (option.oneOf ?? []) : []
  const choice = values.length === 0 ? '' : `; ${values.length === 1 ? 'must be' : 'one of'} ${values.join(', ')}`
  return `${option.help}${choice}${option.fallback === undefined ? '' : ` (default ${option.fallback})`}`
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length)) + 4
  return rows.map(([label, text]) => `  ${label.padEnd(width - 2)}${wrap(text, width)}`).join('\n')
}

/** Wraps a text at WIDTH columns; all lines but the first begin with `indent` spaces. */
function wrap(text: string, indent: number): string {
  const lines: string[] = ['']
  for (const piece of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line !== '' && indent + line.length + piece.length >= WIDTH) lines.push(piece)
    else lines[lines.length - 1] = line === '' ? piece : `${line} ${piece}`
  }
  return lines.join(`\n${' '.repeat(indent)}`)
}
