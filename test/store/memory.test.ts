import { describe, expect, it } from 'vitest'
import type { Value } from '../../src/base/reading.ts'
import { openReader } from '../../src/store/reader.ts'
import type { Store } from '../../src/store/store.ts'
import { tempFolder } from '../../support/folder.ts'
import { append, openStore } from './stores.ts'

function reject(store: Store, payload: Uint8Array): void {
  store.write(() => {
    const device = store.intake.catalog.device('press')
    store.intake.rejects.add({
      receivedAt: 1,
      device,
      topic: 'telemetry/press',
      client: 'c',
      reason: 'no JSON',
      payload,
    })
  })
}

describe('the rejects of a store', () => {
  it('are limited to the newest, each with the beginning of its payload and the original length', () => {
    const folder = tempFolder()
    const store = openStore(folder, { rejectsMax: 3, rejectPayloadBytesMax: 4 })
    for (const text of ['one', 'two', 'three', '', 'fives']) reject(store, Buffer.from(text))
    store.close()
    const reader = openReader(folder)
    const kept = reader.rejects(10)
    expect(kept.map(({ id, payload, payloadBytes }) => [id, Buffer.from(payload).toString(), payloadBytes])).toEqual([
      [5, 'five', 5],
      [4, '', 0],
      [3, 'thre', 5],
    ])
    expect(reader.rejects(1, 5)).toEqual([kept[1]])
    expect(reader.reject(3)).toEqual(kept[2])
    expect(reader.reject(2)).toBeUndefined()
    reader.close()
  })

  it('are cut to a lower limit when the next one is added', () => {
    const folder = tempFolder()
    let store = openStore(folder, { rejectsMax: 10 })
    for (let i = 0; i < 10; i++) reject(store, Buffer.from([i]))
    store.close()
    store = openStore(folder, { rejectsMax: 2 })
    reject(store, Buffer.from([10]))
    store.close()
    const reader = openReader(folder)
    expect(reader.rejects(20).map(({ payload }) => payload[0])).toEqual([10, 9])
    reader.close()
  })
})

describe('a repeated reading', () => {
  const has = (store: Store, value: Value, ts = 1_000, metric = 'force'): boolean => {
    const series = store.intake.catalog.find(store.intake.catalog.device('press'), metric, undefined)
    return store.intake.repeats.stored({ series: series.id, ts, value }, store.lastSeq).takeAny()
  }

  it('is recognized by series, time, and value with every bit and the type', () => {
    const store = openStore(tempFolder())
    const values: Value[] = [1, true, 0, 'x', null, new Uint8Array([1, 2])]
    store.write(() => values.map((value, i) => append(store, { value, metric: `m${i}` })))
    values.forEach((value, i) => {
      const others: Value[] = [1, true, 0, -0, false, 'x', '1', 'X', null, new Uint8Array([1, 3]), new Uint8Array(0)]
      const strangers = others.filter((other) => !Object.is(other, value))
      expect(has(store, value, 1_000, `m${i}`)).toBe(true)
      expect(has(store, value, 1_001, `m${i}`)).toBe(false)
      expect(strangers.filter((other) => has(store, other, 1_000, `m${i}`))).toEqual([])
    })
    expect(has(store, 1, 1_000, 'm5')).toBe(false)
    store.close()
  })

  it('is found among the latest ones of the window, however long the log is and while it grows', () => {
    const store = openStore(tempFolder(), { repeatWindow: 20 })
    for (let ts = 1; ts <= 200; ts++) {
      store.write(() => append(store, { ts, value: ts }))
      if (ts % 3 === 0) expect([ts, has(store, ts, ts), has(store, ts - 19, ts - 19)]).toEqual([ts, true, ts > 19])
    }
    expect(has(store, 1, 1)).toBe(false)
    store.close()
  })

  it('is not known from a transaction that failed', () => {
    const store = openStore(tempFolder())
    store.write(() => append(store, { ts: 1 }))
    const failing = (): void =>
      store.write(() => {
        append(store, { ts: 2 })
        store.intake.log.flush()
        expect(has(store, 1, 2)).toBe(true)
        throw new Error('no')
      })
    expect(failing).toThrow('no')
    expect([has(store, 1, 1), has(store, 1, 2)]).toEqual([true, false])
    store.write(() => append(store, { ts: 3 }))
    expect([has(store, 1, 2), has(store, 1, 3)]).toEqual([false, true])
    store.close()
  })

  it('is known also after the index was closed', () => {
    const store = openStore(tempFolder())
    store.write(() => append(store, { ts: 1 }))
    expect(has(store, 1, 1)).toBe(true)
    store.intake.repeats.forgetIfIdle(0)
    expect(has(store, 1, 1)).toBe(true)
    store.close()
  })
})
