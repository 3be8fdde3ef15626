import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readingJson } from '../../src/base/reading-text.ts'
import { ANSWER_CHARS_MAX, answer as encodedAnswer } from '../../src/query/answers.ts'
import type { Question } from '../../src/query/protocol.ts'
import type { History } from '../../src/store/history/history.ts'
import { bucketJson, deviceJson } from '../../src/store/history/json.ts'
import { expected, Grown, grow, sown } from '../store/history/grown.ts'

const HEAT = { device: 'press', metric: 'heat' }
const GOOD = { name: 0, quality: 1, reasons: 0 } as const
const ALL = {
  kind: 'history',
  ...HEAT,
  unit: undefined,
  from: 0,
  to: 1e12,
  everyMs: undefined,
  limit: 100,
  next: undefined,
} as const

interface Parsed {
  readonly truncated: boolean
  readonly next?: string
  readonly readings: readonly unknown[]
  readonly buckets: readonly unknown[]
  readonly devices: readonly unknown[]
  readonly latest: readonly unknown[]
}

function answer(history: History, question: Question): string {
  return new TextDecoder().decode(encodedAnswer(history, question))
}

/** Asks until an answer is complete. */
function answers(grown: Grown, question: Question): Parsed[] {
  const all: Parsed[] = []
  for (let next: string | undefined; ; ) {
    const one: Parsed = JSON.parse(answer(grown.history, { ...question, next }))
    expect(one.truncated).toBe(one.next !== undefined)
    all.push(one)
    if (one.next === undefined) return all
    next = one.next
  }
}

describe('answers about history', () => {
  it('contain together all requested readings or buckets, whatever their limit is', () => {
    const story = fc.array(sown, { minLength: 40, maxLength: 100, size: 'max' })
    const limits = fc.record({
      limit: fc.integer({ min: 1, max: 60 }),
      everyMs: fc.constantFrom(undefined, 1, 3_600_000, 1e9),
    })
    const property = fc.property(story, fc.array(limits, { minLength: 6, maxLength: 6 }), (readings, many) => {
      const grown = grow(readings, [3])
      for (const { limit, everyMs } of many) {
        const all = answers(grown, { ...ALL, limit, everyMs })
        if (everyMs === undefined) {
          const wanted = expected(grown.readings, { ...HEAT, from: ALL.from, to: ALL.to }).map((one) =>
            JSON.parse(readingJson(one)),
          )
          expect(all.flatMap((one) => one.readings)).toEqual(wanted)
          expect(all.map((one) => one.readings.length <= limit)).not.toContain(false)
          expect(all.slice(0, -1).map((one) => one.readings.length)).toEqual(all.slice(1).map(() => limit))
        } else {
          const series = grown.history.series(HEAT)
          const wanted = grown.history.buckets({ series, from: ALL.from, to: ALL.to, everyMs })
          expect(all.flatMap((one) => one.buckets)).toEqual(wanted.map((one) => JSON.parse(bucketJson(one))))
          expect(all.map((one) => one.buckets.length < limit + series.length)).not.toContain(false)
        }
      }
      grown.close()
    })
    fc.assert(property, { numRuns: 4 })
  })

  it('are not truncated when they have exactly as many readings as their limit', () => {
    const grown = new Grown()
    grown.append([1, 2, 3].map((ts) => ({ ...GOOD, ts, value: ts })))
    expect(JSON.parse(answer(grown.history, { ...ALL, limit: 3 }))).toMatchObject({
      truncated: false,
      from: '1970-01-01T00:00:00.000Z',
    })
    expect(JSON.parse(answer(grown.history, { ...ALL, limit: 2 }))).toMatchObject({ truncated: true, next: '2,2' })
    expect(JSON.parse(answer(grown.history, { ...ALL, limit: 3, everyMs: 1 }))).toMatchObject({
      truncated: false,
      everyMs: 1,
    })
    expect(JSON.parse(answer(grown.history, { ...ALL, limit: 2, everyMs: 1 }))).toMatchObject({
      truncated: true,
      next: '3',
    })
    grown.close()
  })

  it('are cut when they are too long, and the next answer continues there', () => {
    const grown = new Grown()
    const long = 'x'.repeat(3_000_000)
    grown.append([0, 1, 2, 3, 4, 5].map((i) => ({ ...GOOD, name: i % 3, ts: i, value: long })))
    const readings = answers(grown, ALL)
    expect(readings.map((one) => one.readings.length)).toEqual([3, 1])
    expect(ANSWER_CHARS_MAX / long.length).toBeLessThan(3)
    const latest = answers(grown, { kind: 'latest', device: undefined, metric: undefined, next: undefined })
    expect(latest.map((one) => one.latest.length)).toEqual([3])
    grown.close()
  })

  it('list devices and latest readings, and continue after the named one', () => {
    const grown = new Grown()
    grown.append([0, 1, 2].map((name) => ({ ...GOOD, name, ts: name, value: name })))
    const ask = (question: Question): unknown => JSON.parse(answer(grown.history, question))
    const devices = grown.history.devices().map((one) => JSON.parse(deviceJson(one)))
    expect(ask({ kind: 'devices', next: undefined })).toEqual({ truncated: false, devices })
    expect(ask({ kind: 'devices', next: 'press' })).toEqual({ truncated: false, devices: [] })
    const latest = { kind: 'latest', device: undefined, metric: undefined } as const
    const wanted = grown.history.latest().map((one) => JSON.parse(readingJson(one)))
    expect(ask({ ...latest, next: undefined })).toEqual({ truncated: false, latest: wanted })
    expect(ask({ ...latest, next: '["press","force","kN"]' })).toEqual({ truncated: false, latest: wanted.slice(1) })
    grown.close()
  })

  it('list every device and series once, whatever the limit is, and never more than the limit', () => {
    const grown = new Grown()
    grown.append(Array.from({ length: 90 }, (_, i) => ({ ...GOOD, name: i % 3, ts: i, value: i })))
    const devices = grown.history.devices().map((one) => JSON.parse(deviceJson(one)))
    const latest = grown.history.latest().map((one) => JSON.parse(readingJson(one)))
    for (const limit of [1, 2, 3, 1_000]) {
      const pages = answers(grown, { kind: 'devices', limit, next: undefined })
      expect(pages.flatMap((one) => one.devices)).toEqual(devices)
      const readings = answers(grown, { kind: 'latest', device: undefined, metric: undefined, limit, next: undefined })
      expect(readings.flatMap((one) => one.latest)).toEqual(latest)
      for (const one of pages) expect(one.devices.length).toBeLessThanOrEqual(limit)
      for (const one of readings) expect(one.latest.length).toBeLessThanOrEqual(limit)
    }
    grown.close()
  })

  it('are an error with a remedy when the device, metric, unit or position does not exist', () => {
    const grown = new Grown()
    grown.append([{ ...GOOD, ts: 1, value: 1 }])
    for (const question of [
      { ...ALL, device: 'none' },
      { ...ALL, metric: 'heap' },
      { ...ALL, unit: 'K' },
      { ...ALL, next: 'x' },
      { ...ALL, everyMs: 1, next: '1,1' },
      { kind: 'devices', next: 'x' },
      { kind: 'latest', device: undefined, metric: undefined, next: 'x' },
    ] as const) {
      expect(() => answer(grown.history, question)).toThrow(
        expect.objectContaining({ remedy: expect.stringMatching(/./) }),
      )
    }
    expect(() => answer(grown.history, { ...ALL, metric: 'heap' })).toThrow('did you mean "heat"?')
    grown.close()
  })
})
