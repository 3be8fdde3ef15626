import { describe, expect, it } from 'vitest'
import { Exit, OperatorError } from '../../src/base/errors.ts'
import { command } from '../../src/cli/command.ts'
import { commands } from '../../src/cli/commands.ts'
import { commandHelp } from '../../src/cli/help.ts'
import { type CommandRequest, parseCommandLine } from '../../src/cli/parse.ts'

const pump = command({
  name: 'pump',
  summary: 'Pumps',
  options: {
    file: { kind: 'text', short: 'f', value: 'FILE', help: 'What', required: true },
    mode: { kind: 'text', value: 'MODE', help: 'How', fallback: 'slow', oneOf: ['slow', 'fast'] },
    rate: { kind: 'number', value: 'N', help: 'How much', fallback: 5, min: 0, max: 10 },
    loud: { kind: 'flag', help: 'With noise' },
  },
  operands: { value: 'WELL', help: 'Where', min: 1, max: 2 },
  examples: ['pump -f x well'],
  run: async () => Exit.OK,
})
const drain = command({
  name: 'well drain',
  summary: 'Drains',
  options: {},
  examples: ['well drain'],
  run: async () => Exit.OK,
})
const parse = (line: string): CommandRequest => parseCommandLine([pump, drain], line.split(' '))

/** The error message for a usage error. */
function refusal(line: string): string {
  try {
    parse(line)
  } catch (trouble) {
    if (!(trouble instanceof OperatorError)) throw trouble
    expect(trouble.exitCode).toBe(Exit.USAGE)
    return trouble.message
  }
  return 'nothing'
}

describe('a command line', () => {
  it('gives each option its value, its fallback or nothing', () => {
    expect(parse('pump -f x a b')).toMatchObject({
      kind: 'run',
      command: { name: 'pump' },
      values: { file: 'x', mode: 'slow', rate: 5, loud: false },
      operands: ['a', 'b'],
    })
    const all = parse('pump --rate=0 --loud --mode fast --file=y -- --rate')
    expect(all).toMatchObject({ values: { file: 'y', mode: 'fast', rate: 0, loud: true }, operands: ['--rate'] })
  })

  it('is refused with an argument that is not UTF-8: Node.js has replaced bytes of it', () => {
    expect(refusal('pump -f x K\ufffdhler')).toMatch(/"K\ufffdhler" is not UTF-8/)
    expect(refusal('pump -f K\ufffd well')).toMatch(/is not UTF-8/)
  })

  it('treats a dash followed by a digit as the beginning of a value, not of an option', () => {
    const signed = {
      ...pump,
      options: { ...pump.options, from: { kind: 'text', value: 'TIME', help: 'When' } as const },
    }
    const request = (line: string): CommandRequest => parseCommandLine([signed], line.split(' '))
    expect(request('pump --from -24h -f x -- --from -7d')).toMatchObject({
      values: { from: '-24h', file: 'x' },
      operands: ['--from', '-7d'],
    })
    expect(() => request('pump --loud -1 -f x a')).toThrow('-1')
  })

  it('finds a command of two parts, and asks for a missing second part', () => {
    expect(parse('well drain')).toMatchObject({ kind: 'run', command: { name: 'well drain' } })
    expect(refusal('well')).toBe('"well" needs a subcommand: drain')
    expect(refusal('well drian')).toBe('unknown command "well drian"; did you mean "well drain"?')
  })

  it('is refused with the nearest known command, option or value', () => {
    expect(refusal('pmup')).toBe('unknown command "pmup"; did you mean "pump"?')
    expect(refusal('wel')).toBe('unknown command "wel"; did you mean "well"?')
    expect(refusal('explode')).toBe('unknown command "explode"')
    expect(refusal('pump -f x a --ratee 3')).toBe('pump: unknown option --ratee; did you mean "--rate"?')
    expect(refusal('pump -f x a -z')).toBe('pump: unknown option -z')
    expect(refusal('pump -f x a --mode fsat')).toBe(
      'pump: --mode must be one of slow, fast, not "fsat"; did you mean "fast"?',
    )
    expect(refusal('--verbose pump')).toBe('unknown option --verbose before the command')
  })

  it('is refused when a part is missing, superfluous or out of range', () => {
    expect(refusal('pump a')).toBe('pump: --file FILE is required')
    expect(refusal('pump -f x')).toBe('pump: WELL is missing')
    expect(refusal('pump -f x a b c')).toBe('pump: "c" is one argument too many')
    expect(refusal('pump -f x a --rate 1 --rate 2')).toBe('pump: --rate is given twice')
    expect(refusal('pump a -f')).toMatch(/argument missing/)
    expect(refusal('pump -f x a --loud=yes')).toMatch(/does not take an argument/)
    expect(refusal('pump --file= a')).toBe('pump: --file is empty')
    for (const rate of ['11', '0.5', 'x', '=', '1e999', '']) {
      expect(refusal(`pump -f x a --rate=${rate}`)).toMatch(/^pump: --rate must be a whole number from 0 to 10, not /)
    }
    expect(refusal('pump -f x a --rate=-1')).toMatch(/must be a whole number/)
  })

  it('gets help wherever it asks for it', () => {
    expect(parse('--help')).toMatchObject({ kind: 'help', about: [pump, drain] })
    expect(parse('-h')).toMatchObject({ kind: 'help' })
    expect(parse('well --help')).toMatchObject({ kind: 'help', about: [drain] })
    expect(parse('pump --nonsense --help')).toMatchObject({ kind: 'help', about: [pump] })
    expect(parse('pump -f x -- --help')).toMatchObject({ kind: 'run', operands: ['--help'] })
    expect(parse('--version')).toEqual({ kind: 'version' })
  })
})

describe('every command of Tidegate', () => {
  it('has a unique name, and lists all of its options in its help', () => {
    expect(new Set(commands.map(({ name }) => name)).size).toBe(commands.length)
    for (const one of commands) {
      const help = commandHelp(one)
      for (const [key, option] of Object.entries(one.options)) {
        expect(help).toContain(`--${key}`)
        if (option.short) expect(help).toContain(`-${option.short}, --${key}`)
      }
      expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120)
    }
  })

  it('has examples with settings and folders of the checkout, so that they can be pasted', () => {
    for (const example of commands.flatMap((one) => one.examples)) {
      const [, file] = /(?:-s|settings check(?: --receiver)?) ([^ -]\S*)/.exec(example) ?? []
      if (file !== undefined) expect(['examples/edge.yaml', 'examples/receiver.yaml'], example).toContain(file)
      const [, data] = /--data (\S+)/.exec(example) ?? []
      if (data !== undefined) expect(['examples/data/plant-7', 'examples/data/received'], example).toContain(data)
    }
  })

  it('has examples that its parser accepts', () => {
    for (const { name, examples } of commands) {
      expect(examples.length).toBeGreaterThan(0)
      for (const example of examples) {
        const args = example.match(/"[^"]*"|\S+/g) ?? []
        const end = args.findIndex((arg) => /^2?>$/.test(arg))
        const request = parseCommandLine(commands, end === -1 ? args : args.slice(0, end))
        expect(request).toMatchObject({ kind: 'run', command: { name } })
      }
    }
  })
})
