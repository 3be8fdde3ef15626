import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Reason } from '../../../src/base/flags.ts'
import { openReader } from '../../../src/store/reader.ts'
import { tempFolder } from '../../../support/folder.ts'
import { sized } from '../../../support/size.ts'
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

  it('with another quality is a new reading, also a better one, and is a repeat from then on', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder)
    const claimed = (quality: string, value: unknown = 1): string =>
      JSON.stringify({ value, quality, ts: 1_790_000_000 })
    for (const dup of [false, true]) {
      for (const quality of ['good', 'bad', 'uncertain', 'good', 'bad']) {
        await spine.publish(TOPIC, claimed(quality), { dup })
        await spine.publish(TOPIC, `[${claimed(quality, 2)},${claimed(quality, 2)}]`, { dup })
      }
      for (const payload of [claimed('bad', 3), claimed('good', 3), claimed('good', null), claimed('bad', null)]) {
        await spine.publish(TOPIC, payload, { dup })
      }
    }
    await spine.stop()
    const found = readLog(folder).map(({ value, quality }) => `${value} ${quality}`)
    expect(found.sort()).toEqual(
      ['1 1', '1 3', '1 4', '2 1', '2 1', '2 3', '2 3', '2 4', '2 4', '3 1', '3 4', 'null 9'].sort(),
    )
    expect(imbalances(folder)).toEqual([])
  })

  it('is recognized although the quality rules have lowered the stored quality, unless its claim is worse still', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder, {
      quality: [{ match: '*/force', range: { suspect: [0, 10], fail: [-50, 50] } }],
    })
    const claimed = (quality: string): string => JSON.stringify({ value: 20, quality, ts: 1_790_000_000 })
    for (const quality of ['good', 'good', 'uncertain', 'bad', 'bad', 'good'])
      await spine.publish(TOPIC, claimed(quality))
    await spine.stop()
    expect(readLog(folder).map(({ quality }) => quality)).toEqual([3, 4])
    expect(account(folder)).toMatchObject({ received: 6, stored: 2, duplicate: 4 })
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
  const wave = (samples: number[], ts = 1, quality = 'good'): string =>
    JSON.stringify(samples.map((value) => ({ value, ts: 1_790_000_000_000 + ts, quality })))
  const stored = (folder: string): unknown[] => readLog(folder).map(({ value }) => value)

  it('are all stored, and are not flagged as repeats of each other', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder)
    await spine.publish('telemetry/press/wave', wave([0, 0, 1, 0]))
    await spine.publish('telemetry/press/x', '[5,5,5]')
    await spine.stop()
    expect(stored(folder)).toEqual([0, 0, 1, 0, 5, 5, 5])
    expect(readLog(folder).filter(({ reasons }) => (reasons & Reason.DUPLICATE) !== 0)).toEqual([])
    expect(account(folder)).toMatchObject({ received: 7, stored: 7, duplicate: 0, problems: [] })
  })

  it('are repeats as often as they were stored before the message: at once, later, and after a restart', async () => {
    const samples = fc.array(fc.constantFrom(0, 1, 2), { minLength: 1, maxLength: 8 })
    const quality = fc.constantFrom('good', 'bad')
    const restart = fc.constantFrom(false, false, false, true)
    const message = fc.tuple(samples, fc.constantFrom(1, 2), restart, quality)
    const messages = fc.array(message, { minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(messages, async (all) => {
        const folder = tempFolder()
        let spine = await Spine.start(folder)
        /** What is stored: time, value, quality, and whether the judge may have lowered that. */
        const model: { ts: number; value: number; quality: number; lowered: boolean }[] = []
        for (const [values, ts, restart, claim] of all) {
          if (restart) {
            await spine.stop()
            spine = await Spine.start(folder)
          }
          await spine.publish('telemetry/press/wave', wave(values, ts, claim))
          const before = new Set(model)
          const lowered = model.some((one) => one.ts > ts)
          for (const value of values) {
            const claimed = claim === 'good' ? 1 : 4
            const equal = [...before].filter((one) => one.ts === ts && one.value === value)
            const repeated =
              equal.find((one) => !one.lowered && one.quality === claimed) ??
              equal.sort((x, y) => x.quality - y.quality).find((one) => one.lowered && one.quality >= claimed)
            if (repeated !== undefined) before.delete(repeated)
            else model.push({ ts, value, quality: lowered ? Math.max(claimed, 3) : claimed, lowered })
          }
        }
        await spine.stop()
        const found = readLog(folder).map(({ ts, value, quality }) => `${ts - 1_790_000_000_000} ${value} ${quality}`)
        expect(found).toEqual(model.map(({ ts, value, quality }) => `${ts} ${value} ${quality}`))
        expect(imbalances(folder)).toEqual([])
      }),
      { numRuns: sized(6, 50) },
    )
  })
})
