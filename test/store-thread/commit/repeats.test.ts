import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Reason } from '../../../src/base/flags.ts'
import { openReader } from '../../../src/store/reader.ts'
import { tempFolder } from '../../../support/folder.ts'
import { imbalances } from '../../store/stores.ts'
import { readLog, Spine, valuesOf } from '../spine.ts'

const TOPIC = 'telemetry/press/force'
const at = (value: unknown, ts: number): string => JSON.stringify({ value, ts: 1_790_000_000_000 + ts })

function account(folder: string) {
  const reader = openReader(folder)
  const { received, stored, duplicate, rejected, problems } = reader.ledger()[0]!
  reader.close()
  return { received, stored, duplicate, rejected, problems }
}

describe('a repeated publish', () => {
  it('with a device time is acknowledged, counted, and not stored again: at once, later, and after a restart', async () => {
    const folder = tempFolder()
    let spine = await Spine.start(folder)
    await Promise.all([
      spine.publish(TOPIC, at(1, 1)),
      spine.publish(TOPIC, at(1, 1), { dup: true }),
      spine.publish(TOPIC, at(2, 2)),
    ])
    expect(await spine.publish(TOPIC, at(2, 2), { dup: true })).toBeUndefined()
    expect((await spine.status()).duplicates).toBe(2)
    await spine.stop()
    spine = await Spine.start(folder)
    expect(await spine.publish(TOPIC, at(1, 1), { dup: true })).toBeUndefined()
    expect(await spine.publish(TOPIC, at(3, 3), { dup: true })).toBeUndefined()
    await spine.stop()
    expect(valuesOf(folder)).toEqual([1, 2, 3])
    expect(account(folder)).toEqual({ received: 6, stored: 3, duplicate: 3, rejected: 0, problems: [] })
  })

  it('is recognized without the DUP flag too, if it has a time', async () => {
    const folder = tempFolder()
    let spine = await Spine.start(folder)
    for (const ts of [1, 2, 1, 2, 3]) await spine.publish(TOPIC, at(ts, ts))
    await spine.stop()
    spine = await Spine.start(folder)
    for (const ts of [3, 1, 4]) await spine.publish(TOPIC, at(ts, ts))
    await spine.stop()
    expect(valuesOf(folder)).toEqual([1, 2, 3, 4])
    expect(account(folder)).toEqual({ received: 8, stored: 4, duplicate: 4, rejected: 0, problems: [] })
  })

  it('with another value, time, metric or type is a new reading', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder)
    await spine.publish(TOPIC, at(1, 1))
    const others = [at(1.5, 1), at(1, 2), at(true, 1), at('1', 1), at(null, 1), at(0, 1), at(0, 1).replace('0', '-0')]
    for (const other of others) await spine.publish(TOPIC, other, { dup: true })
    await spine.publish('telemetry/press/heat', at(1, 1), { dup: true })
    await spine.stop()
    expect(valuesOf(folder)).toEqual([1, 1.5, 1, true, '1', null, 0, -0, 1])
  })

  it('of many readings is checked reading by reading', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder)
    const pack = (...values: number[]): string => `[${values.map((value) => at(value, value))}]`
    await spine.publish(TOPIC, pack(1, 2))
    await spine.publish(TOPIC, pack(1, 2, 3), { dup: true })
    await spine.stop()
    expect(valuesOf(folder)).toEqual([1, 2, 3])
    expect(account(folder)).toMatchObject({ received: 5, stored: 3, duplicate: 2 })
  })

  it('without a time is stored and flagged, and the flag does not raise its quality', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder, { quality: [{ match: '*/force', range: { fail: [0, 10] } }] })
    for (const payload of ['1', '11', '', '{"value":2,"quality":"bad"}']) {
      await spine.publish(TOPIC, payload)
      await spine.publish(TOPIC, payload, { dup: true })
    }
    const { quality } = await spine.status()
    await spine.stop()
    const stored = readLog(folder)
    const repeats = stored.filter((_, i) => i % 2 === 1)
    expect(repeats.map(({ value }) => value)).toEqual([1, 11, null, 2])
    expect(repeats.map((one) => one.quality)).toEqual([1, 4, 9, 4])
    expect(repeats.map(({ reasons }) => reasons & (Reason.DUPLICATE | Reason.RANGE_HI | Reason.MISSING))).toEqual([
      Reason.DUPLICATE,
      Reason.DUPLICATE | Reason.RANGE_HI,
      Reason.DUPLICATE | Reason.MISSING,
      Reason.DUPLICATE,
    ])
    expect(quality).toEqual({ good: 2, uncertain: 0, bad: 6 })
    expect(imbalances(folder)).toEqual([])
  })
})

describe('equal readings in one message', () => {
  const wave = (samples: number[], ts = 1): string => JSON.stringify({ ts: 1_790_000_000_000 + ts, samples })
  const stored = (folder: string): unknown[] => readLog(folder).map(({ value }) => value)

  it('are all stored, and are not flagged as repeats of each other', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder)
    await spine.publish('telemetry/press', wave([0, 0, 1, 0]))
    await spine.publish('telemetry/press/x', '[5,5,5]')
    await spine.stop()
    expect(stored(folder)).toEqual([0, 0, 1, 0, 5, 5, 5])
    expect(readLog(folder).filter(({ reasons }) => (reasons & Reason.DUPLICATE) !== 0)).toEqual([])
    expect(account(folder)).toMatchObject({ received: 7, stored: 7, duplicate: 0, problems: [] })
  })

  it('are repeats as often as they were stored before the message: at once, later, and after a restart', async () => {
    const samples = fc.array(fc.constantFrom(0, 1, 2), { minLength: 1, maxLength: 8 })
    const messages = fc.array(fc.tuple(samples, fc.constantFrom(1, 2), fc.boolean()), { minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(messages, async (all) => {
        const folder = tempFolder()
        let spine = await Spine.start(folder)
        /** How often each value is stored, by time. */
        const model = new Map<string, number>()
        for (const [values, ts, restart] of all) {
          if (restart) {
            await spine.stop()
            spine = await Spine.start(folder)
          }
          await spine.publish('telemetry/press', wave(values, ts))
          for (const [value, some] of Map.groupBy(values, (one) => one)) {
            const key = `${ts} ${value}`
            model.set(key, Math.max(model.get(key) ?? 0, some.length))
          }
        }
        await spine.stop()
        const found = new Map<string, number>()
        for (const { ts, value } of readLog(folder)) {
          const key = `${ts - 1_790_000_000_000} ${value}`
          found.set(key, (found.get(key) ?? 0) + 1)
        }
        expect([...found].sort()).toEqual([...model].sort())
        expect(imbalances(folder)).toEqual([])
      }),
      { numRuns: 12 },
    )
  })
})
