import { type Logger, pino } from 'pino'

export type Log = Logger
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'

/** Logs JSON lines to standard error; standard output is for the output of commands. */
export function createLog(level: LogLevel, name: string): Log {
  return pino({ level, name, base: { pid: process.pid } }, pino.destination({ dest: 2, sync: true }))
}

export const silentLog: Log = pino({ level: 'silent' })
