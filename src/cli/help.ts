import type { Command, Option } from './command.ts'

/** Help on one command. */
export function commandHelp({ name, summary, notes = [], options, operands, examples }: Command): string {
  const required = Object.entries(options).filter(([, option]) => option.kind === 'text' && option.required)
  const usage = [
    'tidegate',
    name,
    ...(operands === undefined ? [] : [operandUsage(operands)]),
    ...required.map(([key, option]) => optionUsage(key, option)),
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
    `Examples:\n${examples.map((example) => `  tidegate ${example}`).join('\n')}`,
  ])
}

/** Help on all commands, or on those of a group. */
export function overview(commands: readonly Command[], version: string): string {
  return sections([
    `Tidegate ${version}: an MQTT broker and bridge for the edge that never acknowledges what it could lose.`,
    'Usage: tidegate COMMAND [options]',
    `Commands:\n${columns(commands.map(({ name, summary }) => [name, summary]))}`,
    '`tidegate COMMAND --help` tells more of each; `tidegate --version` prints the version.\n' +
      'Exit codes: 0 well, 1 not well, 64 misuse, 69 not reachable, 70 a bug, 73 cannot create a file, 78 settings.',
  ])
}

const WIDTH = 110

function sections(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n')
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
  const choice = option.kind === 'text' && option.oneOf ? `; one of ${option.oneOf.join(', ')}` : ''
  return `${option.help}${choice}${option.fallback === undefined ? '' : ` (default ${option.fallback})`}`
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length)) + 4
  return rows.map(([label, text]) => `  ${label.padEnd(width - 2)}${wrap(text, width)}`).join('\n')
}

/** Breaks a text into lines; every line but the first begins with `indent` blanks. */
function wrap(text: string, indent: number): string {
  const lines: string[] = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line !== '' && indent + line.length + word.length >= WIDTH) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines.join(`\n${' '.repeat(indent)}`)
}
