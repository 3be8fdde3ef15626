import { nearest } from '../base/nearest.ts'
import { DURATION_HELP, parseDuration, parseTime, TIME_HELP } from '../base/time-text.ts'
import type { HistoryQuestion } from './history-source.ts'

/** Devices, series, readings or intervals in one answer: the default of `limit`, and its maximum. */
export const LIMIT_DEFAULT = 1_000
export const LIMIT_MAX = 10_000
const SPAN_MS_DEFAULT = 86_400_000

/** The question is not valid; `remedy` says how to ask. */
export class BadQuestion extends Error {
  override readonly name = 'BadQuestion'
  readonly remedy: string

  constructor(message: string, remedy: string) {
    super(message)
    this.remedy = remedy
  }
}

/** Query parameters as Fastify passes them: a parameter that is given twice has a list. */
export type Parameters = Readonly<Record<string, string | readonly string[] | undefined>>

/** `?includeBad=&limit=&next=` @throws BadQuestion */
export function devicesQuestion(given: Parameters): HistoryQuestion {
  const { includeBad, limit, next } = only(given, ['includeBad', 'limit', 'next'])
  return { kind: 'devices', includeBad: flagOf('includeBad', includeBad), limit: limitOf(limit), next }
}

/** `?device=&metric=&limit=&next=` @throws BadQuestion */
export function latestQuestion(given: Parameters): HistoryQuestion {
  const { device, metric, limit, next } = only(given, ['device', 'metric', 'limit', 'next'])
  return { kind: 'latest', device, metric, limit: limitOf(limit), next }
}

/**
 * `?device=&metric=&unit=&from=&to=&every=&includeBad=&limit=&next=`. Default of `to`: now; of `from`: 24 hours before `to`.
 * @throws BadQuestion
 */
export function historyQuestion(given: Parameters, now: number): HistoryQuestion {
  const names = ['device', 'metric', 'unit', 'from', 'to', 'every', 'includeBad', 'limit', 'next'] as const
  const { device, metric, unit, from, to, every, includeBad, limit, next } = only(given, names)
  if (device === undefined || metric === undefined) {
    const missing = device === undefined ? 'device' : 'metric'
    throw new BadQuestion(`${missing} is missing`, 'ask /api/history?device=…&metric=…; /api/devices lists them')
  }
  const end = to === undefined ? now : timeOf('to', to, now)
  const begin = from === undefined ? end - SPAN_MS_DEFAULT : timeOf('from', from, now)
  if (begin >= end) throw new BadQuestion('from is not before to', 'set an earlier from or a later to')
  const everyMs = every === undefined ? undefined : durationOf(every)
  const figures = { everyMs, includeBad: flagOf('includeBad', includeBad) }
  return { kind: 'history', device, metric, unit, from: begin, to: end, ...figures, limit: limitOf(limit), next }
}

/** Checks that only known parameters are given, each once. */
function only<Name extends string>(given: Parameters, names: readonly Name[]): Partial<Record<Name, string>> {
  for (const [name, value] of Object.entries(given)) {
    if (!names.some((one) => one === name)) {
      const near = nearest(name, names)
      const hint = near === undefined ? '' : `; did you mean "${near}"?`
      throw new BadQuestion(`unknown parameter "${name}"${hint}`, `the parameters are ${names.join(', ')}`)
    }
    if (typeof value !== 'string') throw new BadQuestion(`${name} is given twice`, 'give it once')
  }
  return given as Partial<Record<Name, string>>
}

/** The largest time that a JavaScript Date can hold (ms). */
const TIME_ABS_MAX = 8.64e15

function timeOf(name: string, text: string, now: number): number {
  const ts = /^-?\d{1,16}$/.test(text) ? Number(text) : parseTime(text, now)
  if (ts !== undefined && Math.abs(ts) <= TIME_ABS_MAX) return ts
  throw new BadQuestion(`${name} "${text}" is not a valid time`, `use UTC milliseconds, ${TIME_HELP}`)
}

function durationOf(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined) return ms
  throw new BadQuestion(`every "${text}" is not a valid duration`, `use ${DURATION_HELP}`)
}

function flagOf(name: string, text: string | undefined): boolean {
  if (text === undefined || text === 'false') return false
  if (text === 'true') return true
  throw new BadQuestion(`${name} "${text}" is neither true nor false`, 'use true, or leave it out')
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return LIMIT_DEFAULT
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= LIMIT_MAX) return limit
  throw new BadQuestion(`limit "${text}" is not a whole number from 1 to ${LIMIT_MAX}`, 'continue with `next` for more')
}
