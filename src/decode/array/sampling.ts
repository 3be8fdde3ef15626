import { joinClaims, TIME_INVALID } from '../claim.ts'
import { CHANNELS_MAX } from '../limits.ts'
import type { Scope } from '../plain/scope.ts'
import type { ReadingRules } from '../rules.ts'
import { isTimeName, TIME_NAMES } from '../time/names.ts'
import { isArray, isObject, type Tree, type TreeObject } from '../tree.ts'
import { recordName } from './record-name.ts'

/** Names of arrays, in lower case, that hold samples of one series, however few they are. */
const SAMPLES: ReadonlySet<string> = new Set(['samples', 'waveform', 'wave', 'trace', 'buffer', 'timeseries'])

export function holdsSamples(name: string): boolean {
  return SAMPLES.has(name.toLowerCase())
}

/** Members next to an array that give samples per second. */
const RATES = [
  ...['sampleRate', 'sample_rate', 'samplingRate', 'sampling_rate', 'samplingFrequency', 'sampling_frequency'],
  ...['rateHz', 'rate_hz'],
] as const
/** The same. These names have other meanings, too: without a usable number, they give no rate. */
const SHORT_RATES = ['rate', 'fs'] as const
/** Members next to an array that give the time between two samples, and the unit (ms). */
const INTERVALS = [
  ...(['intervalMs', 'interval_ms', 'sampleIntervalMs', 'sample_interval_ms', 'periodMs', 'period_ms'] as const).map(
    (name) => [name, 1] as const,
  ),
  ...(['intervalS', 'interval_s', 'sampleIntervalS', 'sample_interval_s', 'periodS', 'period_s'] as const).map(
    (name) => [name, 1_000] as const,
  ),
]
/** A longer time between samples (ms) is not accepted. */
const INTERVAL_MS_MAX = 86_400_000
/** A number, and a unit of the frequency. */
const RATE_TEXT = /^([+]?(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})(?:e[+-]?\d{1,2})?)\s{0,2}(hz|khz|mhz|sps|s\/s|1\/s)?$/i
const FACTORS: Readonly<Record<string, number>> = { khz: 1e3, mhz: 1e6 }

/** A rate is given, and cannot be read. */
const UNREADABLE = 'unreadable'

/**
 * The time between two samples (ms) that an object gives for the arrays in it; undefined: it gives none.
 */
function sampleIntervalMs(object: TreeObject): number | typeof UNREADABLE | undefined {
  let isUnreadable = false
  for (const name of RATES) {
    const given = object[name]
    if (given === undefined || given === null) continue
    const ms = usable(1_000 / hertzOf(given))
    if (ms !== undefined) return ms
    isUnreadable = true
  }
  for (const name of SHORT_RATES) {
    const given = object[name]
    const ms = given === undefined ? undefined : usable(1_000 / hertzOf(given))
    if (ms !== undefined) return ms
  }
  for (const [name, unitMs] of INTERVALS) {
    const given = object[name]
    if (given === undefined || given === null) continue
    const ms = usable((typeof given === 'string' && given.trim() !== '' ? Number(given) : numberIn(given)) * unitMs)
    if (ms !== undefined) return ms
    isUnreadable = true
  }
  return isUnreadable ? UNREADABLE : undefined
}

/** NaN: it is no rate. */
function hertzOf(tree: Tree): number {
  if (typeof tree === 'number') return tree
  if (typeof tree === 'string') {
    const [, number, unit = ''] = RATE_TEXT.exec(tree.slice(0, 64).trim()) ?? []
    return number === undefined ? Number.NaN : Number(number) * (FACTORS[unit.toLowerCase()] ?? 1)
  }
  if (!isObject(tree)) return Number.NaN
  const { value, unit } = tree
  return typeof value === 'number' ? hertzOf(typeof unit === 'string' ? `${value}${unit}` : value) : Number.NaN
}

function numberIn(tree: Tree): number {
  return typeof tree === 'number' ? tree : Number.NaN
}

function usable(ms: number): number | undefined {
  return ms > 0 && ms <= INTERVAL_MS_MAX ? ms : undefined
}

/**
 * The scope of each element of an array, if its elements are samples and an object around it or the route gives their
 * rate: a time of the device is that of the first sample, and the time of arrival is that of the last one. If the rate
 * cannot be read, the times of the samples are marked.
 */
export function sampledAt(
  scope: Scope,
  items: readonly Tree[],
  rules: ReadingRules,
): ((index: number) => Scope) | undefined {
  if (scope.sampled || !areSamples(items)) return undefined
  let interval: number | typeof UNREADABLE | undefined
  for (let around: Scope | undefined = scope; around !== undefined && interval === undefined; around = around.outer) {
    if (around.object !== undefined) interval = sampleIntervalMs(around.object)
  }
  if (typeof interval !== 'number' && rules.sampleHz !== undefined) interval = 1_000 / rules.sampleHz
  if (interval === undefined) return undefined
  if (interval === UNREADABLE) {
    const marked = { ...scope, sampled: true, timeClaim: joinClaims(scope.timeClaim, TIME_INVALID) }
    return () => marked
  }
  const everyMs = interval
  const firstMs = scope.timed ? scope.ts : scope.ts - (items.length - 1) * everyMs
  return (index) => ({ ...scope, sampled: true, ts: Math.floor(firstMs + index * everyMs) })
}

/** Numbers, rows of channels, or small objects without a time and a name of their own. */
function areSamples(items: readonly Tree[]): boolean {
  const [first] = items
  if (first === undefined) return false
  if (isArray(first)) return !isWide(items)
  if (!isObject(first)) return true
  if (recordName(first) !== undefined) return false
  for (const name in first) {
    if (isTimeName(name) || (TIME_NAMES as readonly string[]).includes(name)) return false
    if (isObject(first[name]) || isArray(first[name]!)) return false
  }
  return true
}

/** Whether the elements of an array of arrays are channels, with many samples each. */
export function isWide(items: readonly Tree[]): boolean {
  const [first] = items
  return first !== undefined && isArray(first) && first.length > CHANNELS_MAX && items.length <= CHANNELS_MAX
}
