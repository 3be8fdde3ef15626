import { beforeAll, describe, expect, it } from 'vitest'
import { Reason, reasonNames } from '../../src/base/flags.ts'
import type { Quality, Reading } from '../../src/base/reading.ts'
import { compileRoute } from '../../src/base/topics.ts'
import { decode } from '../../src/decode/decode.ts'
import { buildPlant, type SimulatedDevice } from '../../src/demo/plant.ts'
import { demoEdge } from '../../src/demo/settings.ts'
import { Judge } from '../../src/quality/judge.ts'

const NOW = Date.UTC(2026, 5, 1, 12)
const SECONDS = 60
const RATE = 5
const { quality, routes } = demoEdge({ data: '/nowhere', cloudPort: 0, mqttPort: 0, webPort: 1 })
const matchers = routes.map(({ topic, format }) => ({ route: compileRoute(topic), format }))

interface Flagged extends Reading {
  quality: Quality
  reasons: number
}

/** One minute of the plant as the store has it: decoded and judged as by the edge. */
function playMinute(devices: readonly SimulatedDevice[]): { flagged: Flagged[]; undecodable: number } {
  const judge = new Judge(quality)
  const series = new Map<string, number>()
  const flagged: Flagged[] = []
  let undecodable = 0
  for (let tick = 0; tick < SECONDS * RATE; tick++) {
    const elapsedMs = (tick * 1_000) / RATE
    const arrival = NOW + elapsedMs
    for (const device of devices) {
      const message = device.messageAt({ ts: arrival, elapsedMs, index: tick })
      const readings = read(message.topic, message.payload, arrival)
      expect(readings?.length ?? 0).toBe(message.readings)
      if (readings === undefined) undecodable++
      for (const reading of readings ?? []) {
        const key = `${reading.device}/${reading.metric}`
        const number = series.get(key) ?? series.size
        series.set(key, number)
        const seq = flagged.length
        const times = { receivedAt: arrival, clockSynced: true, clockRun: 0 }
        flagged.push({
          ...reading,
          ...judge.judge(number, { ...reading, ...times, seq, kind: { type: undefined, isNew: true } }),
        })
        for (const amended of judge.takeAmendments()) Object.assign(flagged[amended.seq]!, amended)
      }
    }
  }
  return { flagged, undecodable }
}

function read(topic: string, payload: Uint8Array, arrival: number): readonly Reading[] | undefined {
  for (const { route, format } of matchers) {
    const target = route.match(topic)
    if (target === undefined) continue
    const decoded = decode(payload, target, arrival, format)
    return decoded.ok ? decoded.readings : undefined
  }
  throw new Error(`no route carries ${topic}`)
}

describe('the plant', () => {
  const devices = buildPlant(20, 1)
  let minute: ReturnType<typeof playMinute>
  beforeAll(() => {
    minute = playMinute(devices)
  })
  const of = (fault: string | undefined): Flagged[] => {
    const names = new Set(devices.filter((device) => device.fault === fault).map(({ name }) => name))
    return minute.flagged.filter(({ device }) => names.has(device))
  }

  it('has the requested number of devices with unique names, and repeats itself for the same seed', () => {
    for (const count of [1, 7, 20, 55]) expect(new Set(buildPlant(count, 1).map(({ name }) => name)).size).toBe(count)
    const moment = { ts: NOW, elapsedMs: 0, index: 0 }
    const messages = (seed: number): string[] => buildPlant(20, seed).map((one) => `${one.messageAt(moment).payload}`)
    expect(messages(1)).toEqual(messages(1))
    expect(messages(1)).not.toEqual(messages(2))
  })

  it('shows every kind of flag within a minute', () => {
    const seen = minute.flagged.reduce((all, { reasons }) => all | reasons, 0)
    const wanted = ['RANGE_HI', 'WARN_LO', 'WARN_HI', 'SPIKE', 'RATE', 'FLAT', 'TIME_FUTURE', 'TIME_STALE'] as const
    expect(reasonNames(seen)).toEqual(expect.arrayContaining([...wanted]))
    expect(new Set(minute.flagged.map(({ quality }) => quality))).toEqual(new Set([1, 3, 4]))
  })

  it.each([
    ['spikes', Reason.SPIKE],
    ['sticks', Reason.FLAT],
    ['cavitates', Reason.RATE],
    ['clock-late', Reason.TIME_STALE],
    ['clock-early', Reason.TIME_FUTURE],
  ])('has the fault "%s", whose reason no reading of other devices has', (fault, reason) => {
    expect(of(fault).some(({ reasons }) => (reasons & reason) !== 0)).toBe(true)
    const elsewhere = minute.flagged.filter(
      (reading) => (reading.reasons & reason) !== 0 && !of(fault).includes(reading),
    )
    expect(elsewhere).toEqual([])
  })

  it('has only good readings of faultless devices, and mostly good ones overall', () => {
    expect(of(undefined).filter(({ quality }) => quality !== 1)).toEqual([])
    const good = minute.flagged.filter(({ quality }) => quality === 1).length / minute.flagged.length
    expect(good).toBeGreaterThan(0.75)
    expect(good).toBeLessThan(0.97)
  })

  it('sometimes sends a payload that cannot be decoded', () => {
    expect(minute.undecodable).toBeGreaterThan(5)
    expect(minute.undecodable).toBeLessThan(50)
  })

  it('never gives two readings of one metric the same time', () => {
    const keys = minute.flagged.map(({ device, metric, ts }) => `${device}/${metric}@${ts}`)
    expect(new Set(keys).size).toBe(keys.length)
  })

  it('has values of the types number, boolean and text', () => {
    const values = new Map(minute.flagged.map(({ metric, value }) => [metric, typeof value]))
    expect(Object.fromEntries(values)).toEqual({
      temperature: 'number',
      pressure: 'number',
      vibration: 'number',
      state: 'string',
      volume: 'number',
      open: 'boolean',
    })
  })
})
