import { type Logger, pino } from 'pino'
import { printable, printableJson } from './text/one-line.ts'
import { prettyLine } from './text/pretty-log.ts'

export type Log = Logger
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'

/** A longer line is shortened: it contains a text from outside, such as a topic of 64 KB. */
const LINE_CHARS_MAX = 8_192
/** Length to which texts of such a line are cut; stacks have a longer one. */
const TEXT_CHARS_MAX = 500
const STACK_CHARS_MAX = 4_000

export interface LogSettings {
  readonly level: LogLevel
  /** Undefined: text for people on a terminal, else JSON. */
  readonly format?: 'pretty' | 'json' | undefined
}

/** Logs lines to standard error; standard output is for the output of commands. Levels have names, times are ISO 8601. */
export function createLog({ level, format }: LogSettings, name: string): Log {
  const standardError = pino.destination({ dest: 2, sync: true })
  const isPretty = (format ?? (process.stderr.isTTY ? 'pretty' : 'json')) === 'pretty'
  const write = (line: string): void => {
    standardError.write(isPretty ? prettyLine(logLine(line)) : logLine(line))
  }
  const children: Log[] = []
  const log = pino(
    {
      ...{ level, name, base: { pid: process.pid } },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      onChild: (child: Log) => void children.push(child),
    },
    { write },
  )
  childrenOf.set(log, children)
  return log
}

/** One child a part of the process: pino gives each a level of its own. */
const childrenOf = new WeakMap<Log, readonly Log[]>()

/** Changes the level of a log of `createLog`, and of its children. */
export function setLogLevel(log: Log, level: LogLevel): void {
  for (const one of [log, ...(childrenOf.get(log) ?? [])]) one.level = level
}

export const silentLog: Log = pino({ level: 'silent' })

/**
 * A line of the log as it is written. Devices and the cloud choose names, topics and reasons in it: characters that do
 * not show are escaped, which changes nothing for a reader of the JSON, and texts of a long line are cut.
 * @param line JSON with a line feed at its end
 */
export function logLine(line: string): string {
  if (line.length <= LINE_CHARS_MAX) return printable(line)
  const short = printableJson(JSON.parse(line, (key, value: unknown) => cut(key, value)))
  if (short.length <= LINE_CHARS_MAX) return `${short}\n`
  // Too many texts, not too long ones.
  const { level, time, pid, name, msg } = JSON.parse(short) as Record<string, unknown>
  return `${printableJson({ level, time, pid, name, msg, cut: true })}\n`
}

function cut(key: string, value: unknown): unknown {
  if (typeof value !== 'string') return value
  const charsMax = key === 'stack' ? STACK_CHARS_MAX : TEXT_CHARS_MAX
  return value.length > charsMax ? `${value.slice(0, charsMax - 1)}…`.toWellFormed() : value
}
