import type { TreeObject } from '../tree.ts'

/** Names of arrays, in lower case, that hold samples of one series, however few they are. */
const SAMPLES: ReadonlySet<string> = new Set(['samples', 'waveform', 'wave', 'trace', 'buffer', 'timeseries'])

export function holdsSamples(name: string): boolean {
  return SAMPLES.has(name.toLowerCase())
}

/** Members next to an array that give samples per second. */
const RATES = ['sampleRate', 'sample_rate', 'samplingRate', 'sampling_rate', 'rateHz', 'rate_hz', 'rate', 'fs'] as const
/** Members next to an array that give the time between two samples, and the unit (ms). */
const INTERVALS = [
  ...(['intervalMs', 'interval_ms', 'sampleIntervalMs', 'sample_interval_ms', 'periodMs', 'period_ms'] as const).map(
    (name) => [name, 1] as const,
  ),
  ...(['intervalS', 'interval_s', 'sampleIntervalS', 'sample_interval_s', 'periodS', 'period_s'] as const).map(
    (name) => [name, 1_000] as const,
  ),
]
/** A longer time between samples (ms) is none. */
const INTERVAL_MS_MAX = 86_400_000

/** The time between two samples (ms) that an object gives for the arrays in it; undefined: it gives none. */
export function sampleIntervalMs(object: TreeObject): number | undefined {
  for (const name of RATES) {
    const hz = object[name]
    if (typeof hz === 'number' && hz > 0) return usable(1_000 / hz)
  }
  for (const [name, ms] of INTERVALS) {
    const interval = object[name]
    if (typeof interval === 'number' && interval > 0) return usable(interval * ms)
  }
  return undefined
}

function usable(ms: number): number | undefined {
  return Number.isFinite(ms) && ms <= INTERVAL_MS_MAX ? ms : undefined
}
