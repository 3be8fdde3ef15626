import { describe, expect, it } from 'vitest'
import type { StoredReading } from '../../src/base/reading.ts'
import { BatchBuilder } from '../../src/codec/batch.ts'
import { describeRecorded } from '../../support/recorded-data.ts'
import { buildWith, ORIGIN, open, readingsOf } from './readings.ts'
import { interleaved, type RecordedSeries, recorded } from './recorded.ts'

/** The maximum number of readings that an uplink puts into one batch. */
const BATCH_READINGS = 22_000
const BATCH_BYTES_MAX = 131_072

/** Bytes on the wire per reading in batches of backlog size; decodes and compares every batch. */
function bytesPerReading(readings: readonly StoredReading[]): number {
  const builder = new BatchBuilder(ORIGIN)
  let bytes = 0
  for (let from = 0; from < readings.length; from += BATCH_READINGS) {
    const part = readings.slice(from, from + BATCH_READINGS)
    const built = buildWith(builder, part)
    expect(readingsOf(open(built.bytes))).toStrictEqual(part)
    expect(built.bytes.length).toBeLessThan(BATCH_BYTES_MAX)
    bytes += built.bytes.length
  }
  return bytes / readings.length
}

describeRecorded('a backlog of recorded series', () => {
  it.each<[RecordedSeries, number]>([
    ['ambient', 4.3],
    ['machine', 4.4],
    ['cpu', 0.6],
    ['occupancy', 1.9],
    ['speed', 1.6],
    ['counts', 0.8],
  ])('%s takes at most %d bytes per reading and is lossless', (series, bytesMax) => {
    expect(bytesPerReading(recorded(series))).toBeLessThan(bytesMax)
  })

  it('takes at most 2.9 bytes per reading when the series are interleaved', () => {
    expect(bytesPerReading(interleaved())).toBeLessThan(2.9)
  })
})

/** Random numbers from 0 to below 1, the same in every run. */
function randomNumbers(): () => number {
  let state = 1
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** Readings of 50 sensors: one per second each, with a few ms of jitter, in hundredths of a degree. */
function liveReadings(seconds: number): StoredReading[] {
  const random = randomNumbers()
  const sensors = Array.from({ length: 50 }, (_, i) => ({
    device: `sensor-${String(i + 1).padStart(2, '0')}`,
    phase: Math.floor(random() * 1_000),
    celsius: 18 + random() * 8,
  }))
  const readings: StoredReading[] = []
  for (let second = 0; second < seconds; second++) {
    const arrivals = sensors.map((sensor) => {
      sensor.celsius += (random() - 0.5) * 0.4
      const ts = 1_750_000_000_000 + second * 1_000 + sensor.phase + Math.floor(random() * 8)
      return { device: sensor.device, ts, value: Math.round(sensor.celsius * 100) / 100 }
    })
    arrivals.sort((a, b) => a.ts - b.ts)
    for (const arrival of arrivals) {
      const seq = 1_000_001 + readings.length
      readings.push({ ...arrival, seq, metric: 'temperature', unit: 'Cel', quality: 1, reasons: 0 })
    }
  }
  return readings
}

describe('a live batch', () => {
  it('of 50 sensors with 5 readings each takes less than 900 bytes, names included', () => {
    const readings = liveReadings(5)
    const { bytes, count } = buildWith(new BatchBuilder(ORIGIN), readings)
    expect(count).toBe(250)
    expect(bytes.length).toBeLessThan(900)
    expect(readingsOf(open(bytes))).toStrictEqual(readings)
  })

  it('stays small when a few values of a series are long', () => {
    const random = randomNumbers()
    const readings = Array.from({ length: 10_000 }, (_, i): StoredReading => {
      const level = Math.floor(random() * 200) / 10
      const value = i % 10 === 7 ? level + 0.123_456_789_012 : level
      const reading = { seq: i + 1, device: 'd', metric: 'm', unit: undefined, value, ts: i * 1_000 }
      return { ...reading, quality: 1, reasons: 0 }
    })
    const { bytes } = buildWith(new BatchBuilder({ edge: 'e', epoch: 'p', run: 'r' }), readings)
    expect(bytes.length / readings.length).toBeLessThan(2.5)
    expect(readingsOf(open(bytes))).toStrictEqual(readings)
  })

  it('of a constant series with only good verdicts takes less than 100 bytes', () => {
    const still = Array.from({ length: 20_000 }, (_, i): StoredReading => {
      const reading = { seq: i + 1, device: 'd', metric: 'm', unit: undefined, value: 20.5, ts: i * 1_000 }
      return { ...reading, quality: 1, reasons: 0 }
    })
    expect(buildWith(new BatchBuilder({ edge: 'e', epoch: 'p', run: 'r' }), still).bytes.length).toBeLessThan(100)
  })
})
