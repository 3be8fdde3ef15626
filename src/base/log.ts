import { type Logger, pino } from 'pino'

export type Log = Logger
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'

/** JSON lines on standard error; standard output belongs to what a command prints. */
export function createLog(level: LogLevel, name: string): Log {
  return pino({ level, name, base: { pid: process.pid } }, pino.destination({ dest: 2, sync: true }))
}

export const silentLog: Log = pino({ level: 'silent' })
