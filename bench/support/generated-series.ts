import { randomNumbers } from './random.ts'
import type { Sample } from './series.ts'

const MINUTE_MS = 60_000
const STEP_MS = 5 * MINUTE_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const START = Date.UTC(2024, 0, 1)

/** What a generator draws from. */
interface Draw {
  /** From 0 (included) to 1 (excluded). */
  uniform(): number
  /** Mean 0, standard deviation 1; a sum of uniform numbers, so never beyond 6. */
  normal(): number
}

interface Shape {
  readonly count: number
  /** The time after `ts` at which the next sample is taken, UTC ms. */
  readonly next: (ts: number, draw: Draw) => number
  /** A function that gives the values one after the other, as a device writes them. */
  readonly values: (draw: Draw) => (ts: number) => string
}

/** The usual values of a server with little load, each with the cumulated share of the samples. */
const LOADS = [
  [0.48, 0.134],
  [0.71, 0.132],
  [0.89, 0.066],
  [0.94, 0.068],
  [0.975, 0.136],
  [0.99, 0.2],
  [1, 0.202],
] as const

/**
 * Series of the kinds that sensors, counters and servers deliver. They differ in the properties on which the cost of a
 * reading depends: number of decimals, step from one value to the next, number of distinct values, gaps in time.
 */
const SHAPES: Readonly<Record<string, Shape>> = {
  /** Whole numbers, every five minutes without a gap: few at night, more by day, sometimes a peak. */
  message_counts: {
    count: 15_842,
    next: (ts) => ts + STEP_MS,
    values: (draw) => (ts) => {
      const mean = 15 * Math.exp(0.45 * byDay(ts))
      const peak = draw.uniform() < 0.004 ? 3 + 8 * draw.uniform() : 1
      return String(Math.max(0, Math.round(mean * peak * Math.exp(0.42 * draw.normal()))))
    },
  },
  /** Eight decimals, hourly, with a few gaps of hours or days. */
  office_temperature: {
    count: 7_267,
    next: (ts, { uniform }) => ts + HOUR_MS * (uniform() < 0.001 ? 2 + Math.floor(60 * uniform()) : 1),
    values: (draw) => {
      const walk = walkAround(draw, { mean: 71.2, pull: 0.03, step: 0.8 })
      return (ts) => fullPrecision(walk() + 1.5 * byDay(ts), 0.032, draw)
    },
  },
  /** Three decimals, every five minutes: a few values in turn, sometimes a peak. */
  server_load: {
    count: 4_032,
    next: (ts) => ts + STEP_MS,
    values: (draw) => () => {
      if (draw.uniform() < 0.004) return (0.2 + 2.1 * draw.uniform()).toFixed(3)
      const usual = draw.uniform()
      const [, value] = LOADS.find(([share]) => usual < share)!
      return String(value === 0.202 ? neighbourOf(value) : value)
    },
  },
  /** Eight decimals, every five minutes; some values have all digits of a double. */
  machine_temperature: {
    count: 22_695,
    next: (ts) => ts + STEP_MS,
    values: (draw) => {
      const walk = walkAround(draw, { mean: 86, pull: 0.004, step: 1.05 })
      return () => fullPrecision(walk(), 0.052, draw)
    },
  },
  /** Two decimals, eighteenths of a per cent, every five minutes with many gaps. */
  road_occupancy: {
    count: 2_380,
    next: (ts, draw) => ts + (STEP_MS + jitter(draw, 0.03)) * stepsTaken(draw, 0.74),
    values: (draw) => (ts) => {
      const per18 = 90 * Math.exp(0.5 * byDay(ts) + 0.45 * draw.normal())
      return String(Number((Math.min(400, Math.round(per18)) / 18).toFixed(2)))
    },
  },
  /** Whole numbers, every five minutes with many gaps; sometimes a traffic jam. */
  traffic_speed: {
    count: 1_127,
    next: (ts, draw) => ts + STEP_MS * stepsTaken(draw, 0.65),
    values: (draw) => {
      const walk = walkAround(draw, { mean: 66, pull: 0.5, step: 3 })
      return () => String(Math.round(draw.uniform() < 0.03 ? walk() * draw.uniform() : walk()))
    },
  },
}

/** Generated series by name, the same in every run. */
export function generatedSeries(): Map<string, readonly Sample[]> {
  return new Map(Object.entries(SHAPES).map(([name, shape], i) => [name, samplesOf(shape, i + 1)]))
}

function samplesOf({ count, next, values }: Shape, seed: number): Sample[] {
  const uniform = randomNumbers(seed)
  const draw = { uniform, normal: () => Array.from({ length: 12 }, uniform).reduce((sum, one) => sum + one, -6) }
  const valueAt = values(draw)
  const samples: Sample[] = []
  for (let ts = START; samples.length < count; ts = next(ts, draw)) samples.push({ ts, value: valueAt(ts) })
  return samples
}

/** From -1 at night to 1 in the afternoon. */
function byDay(ts: number): number {
  return -Math.cos((2 * Math.PI * (ts % DAY_MS)) / DAY_MS)
}

/** A random walk that is pulled back to its mean. @param walk.step standard deviation of one step. */
function walkAround(draw: Draw, walk: { mean: number; pull: number; step: number }): () => number {
  let value = walk.mean
  return () => {
    value += walk.pull * (walk.mean - value) + walk.step * draw.normal()
    return value
  }
}

/** Steps until a device delivers again: the next one with this probability, else one of the later ones. */
function stepsTaken({ uniform }: Draw, first: number): number {
  let steps = 1
  while (uniform() > first && steps < 80) steps++
  return steps
}

/** One minute more or less in this share of the cases, otherwise 0. */
function jitter({ uniform }: Draw, share: number): number {
  return uniform() < share ? (uniform() < 0.5 ? -MINUTE_MS : MINUTE_MS) : 0
}

/** Eight decimals; in this share of the cases the next double, which needs all its digits. */
function fullPrecision(value: number, share: number, { uniform }: Draw): string {
  const rounded = Number(value.toFixed(8))
  return String(uniform() < share ? neighbourOf(rounded) : rounded)
}

/** A decimal number as arithmetic with doubles leaves it: its last bit is off. */
function neighbourOf(value: number): number {
  return value * (1 - 2 ** -52)
}
