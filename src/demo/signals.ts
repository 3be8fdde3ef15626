import type { Value } from '../base/reading.ts'

/** The time of a measurement. */
export interface SignalMoment {
  /** UTC milliseconds. */
  readonly ts: number
  /** Milliseconds since the device was started. */
  readonly elapsedMs: number
  /** Index of the message since the start, from 0. */
  readonly index: number
}

/** The value of a sensor at a moment; the same moment gives the same value. */
export type Signal<V extends Value = Value> = (at: SignalMoment) => V

/** mulberry32 by Tommy Ettinger (public domain): uniform in [0, 1), 2^32 states, the same sequence for the same seed. */
export function mulberry32(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** The n-th value of the sequence of a seed, in [-1, 1). */
function jitter(seed: number, n: number): number {
  return mulberry32(seed ^ Math.imul(n, 0x9e3779b1))() * 2 - 1
}

/**
 * Drifts in [-1, 1], in a new direction every `periodMs`. The slope is at most 3 per period, however often it is read, so
 * that a fast sensor does not appear to jump.
 */
export function drift(seed: number, periodMs: number, ts: number): number {
  const knot = Math.floor(ts / periodMs)
  const part = ts / periodMs - knot
  const smooth = part * part * (3 - 2 * part)
  const from = jitter(seed, knot)
  return from + (jitter(seed, knot + 1) - from) * smooth
}

const DAY_MS = 86_400_000
const PEAK_MS = 54_000_000 // 15:00 UTC

/** Air temperature of a hall in °C: warmest in the afternoon, with slow drift and the noise of a cheap sensor. */
export function hallTemperature(seed: number): Signal<number> {
  const base = 20 + 2 * jitter(seed, 0)
  return ({ ts, index }) => {
    const daily = 3.5 * Math.cos((2 * Math.PI * (ts - PEAK_MS)) / DAY_MS)
    return round(base + daily + 0.8 * drift(seed, 30_000, ts) + 0.1 * jitter(seed + 1, index), 2)
  }
}

/** Temperature of a cold store in °C: the cycle of the compressor, and noise. */
export function coldStoreTemperature(seed: number): Signal<number> {
  return ({ ts, index }) => {
    const cycle = 1.2 * Math.sin((2 * Math.PI * ts) / 90_000 + seed)
    return round(-18 + cycle + 0.1 * jitter(seed, index), 2)
  }
}

/** Outlet pressure of a pump in bar. */
export function pressure(seed: number): Signal<number> {
  return ({ ts }) => round(4.2 + 0.25 * drift(seed, 4_000, ts), 3)
}

/** Vibration velocity in mm/s RMS, the quantity that ISO 10816 uses to judge machines. */
export function vibration(seed: number): Signal<number> {
  return ({ ts, index }) => round(2.3 + 0.5 * drift(seed, 8_000, ts) + 0.2 * jitter(seed, index), 2)
}

const COUNTED_SINCE_MS = Date.UTC(2025, 0, 1)

/** A water meter in whole litres. It only counts up, by 24 to 60 litres a minute. */
export function litresCounted(seed: number): Signal<number> {
  return ({ ts }) => Math.floor((0.7 * (ts - COUNTED_SINCE_MS)) / 1_000 + 3 * Math.sin(ts / 10_000 + seed))
}

/** Whether a gate is open: about a fifth of the time, for seconds. */
export function gateOpen(seed: number): Signal<boolean> {
  return ({ ts }) => drift(seed, 9_000, ts) > 0.45
}

/** Never -0: a freezer at -0.001 shows 0. */
function round(value: number, digits: number): number {
  return Number(value.toFixed(digits)) + 0
}
