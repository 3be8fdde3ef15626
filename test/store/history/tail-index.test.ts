import { describe, expect, it } from 'vitest'
import type { StoredReading } from '../../../src/base/reading.ts'
import type { History } from '../../../src/store/history/history.ts'
import { append } from '../stores.ts'
import { Grown } from './grown.ts'

const SERIES = 60
const ROUNDS = 3

/** Every query on the log alone, for every series. */
function answers(history: History): unknown[] {
  return history.series().map((series) => ({
    pages: [...history.pages(series, { limit: 4, from: 3_000, to: 9_000 })].flat().map(({ ts, value }) => [ts, value]),
    buckets: history
      .buckets({ series: [series], everyMs: 4_000 })
      .map(({ start, readings, sum }) => [start, readings, sum]),
    bounds: [history.first(series), history.last(series), history.last(series, { from: 0, to: 5_000 })],
  }))
}

function wanted(readings: readonly Pick<StoredReading, 'metric' | 'ts' | 'value'>[]): unknown[] {
  return [...Map.groupBy(readings, ({ metric }) => metric)].sort().map(([, own]) => {
    const inOrder = own.toSorted((a, b) => a.ts - b.ts)
    const times = inOrder.map(({ ts }) => ts)
    const buckets = Map.groupBy(inOrder, ({ ts }) => Math.floor(ts / 4_000) * 4_000)
    return {
      pages: inOrder.filter(({ ts }) => ts >= 3_000 && ts < 9_000).map(({ ts, value }) => [ts, value]),
      buckets: [...buckets].map(([start, some]) => [
        start,
        some.length,
        some.reduce((sum, { value }) => sum + (value as number), 0),
      ]),
      bounds: [times[0], times.at(-1), times.filter((ts) => ts < 5_000).at(-1)],
    }
  })
}

describe('queries on many series in the log', () => {
  it('give the right answers while readings are stored and sealed between them', () => {
    const grown = new Grown({ sealRows: 100_000 })
    const all: Pick<StoredReading, 'metric' | 'ts' | 'value'>[] = []
    for (let round = 0; round < ROUNDS; round++) {
      for (let batch = 0; batch < 3; batch++) {
        grown.store.write(() => {
          for (let i = 0; i < SERIES * 2; i++) {
            const reading = {
              metric: `m${i % SERIES}`,
              ts: ((i * 7 + batch * 3 + round * 5) % 12) * 1_000,
              value: i + batch,
            }
            append(grown.store, { device: 'press', unit: '', ...reading })
            all.push(reading)
          }
        })
        expect(answers(grown.history)).toEqual(wanted(all))
      }
      grown.seal()
      expect(answers(grown.history)).toEqual(wanted(all))
    }
    grown.close()
  })
})
