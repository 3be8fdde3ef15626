import { describe, expect, it } from 'vitest'
import { openReader, type RejectRow } from '../../../src/store/reader.ts'
import { tempFolder } from '../../../support/folder.ts'
import { imbalances } from '../../store/stores.ts'
import { readLog, Spine } from '../spine.ts'

function rejectsOf(folder: string): RejectRow[] {
  const reader = openReader(folder)
  const rows = reader.rejects(100)
  reader.close()
  return rows.reverse()
}

describe('a message that cannot be decoded', () => {
  it('is acknowledged, counted, and kept with its topic, client, payload and the reason', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder)
    const before = Date.now()
    const payloads = [Buffer.from('{"force":'), Buffer.from([0xff, 0, 0xfe]), Buffer.alloc(0)]
    for (const [i, payload] of payloads.entries()) {
      expect(await spine.publish('telemetry/press', payload, { client: `gate-${i}` })).toBeUndefined()
    }
    await spine.publish('telemetry/press/force', '1')
    expect(await spine.status()).toMatchObject({ readings: 1, rejected: 3 })
    await spine.stop()
    const rejects = rejectsOf(folder)
    for (const [i, reject] of rejects.entries()) {
      expect(reject).toMatchObject({ device: 'press', topic: 'telemetry/press', client: `gate-${i}` })
      expect(Buffer.compare(reject.payload, payloads[i]!)).toBe(0)
      expect(reject.reason.length).toBeGreaterThan(5)
      expect(reject.receivedAt).toBeGreaterThanOrEqual(before)
    }
    expect(rejects.length).toBe(3)
    const reader = openReader(folder)
    expect(reader.ledger()).toMatchObject([{ received: 4, stored: 1, rejected: 3, problems: [] }])
    reader.close()
  })

  it('does not affect the others in its batch', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder)
    const payloads = ['1', '{', '2', '', '3', '1e400', '4']
    await Promise.all(payloads.map((payload) => spine.publish('telemetry/press/force', payload)))
    await spine.stop()
    expect(readLog(folder).map(({ value }) => value)).toEqual([1, 2, null, 3, 4])
    expect(rejectsOf(folder).map(({ payload }) => Buffer.from(payload).toString())).toEqual(['{', '1e400'])
  })
})

describe('the bound on series', () => {
  it('is never exceeded: a message that would add one more is rejected whole, known series continue, also after a restart', async () => {
    const folder = tempFolder()
    const limited = { store: { seriesMax: 3 } }
    let spine = await Spine.start(folder, limited)
    await spine.publish('telemetry/press', '{"a":1,"b":1}')
    await spine.publish('telemetry/press', '{"c":1,"d":1}')
    await spine.publish('telemetry/press', '[{"c":1,"ts":1790000000000},{"c":2,"ts":1790000000001}]')
    await spine.publish('telemetry/press', '{"a":2,"d":1}')
    await spine.publish('telemetry/oven/heat', '1')
    await spine.publish('telemetry/press', '{"a":3,"b":3,"c":3}')
    expect((await spine.status()).series).toBe(3)
    await spine.stop()
    spine = await Spine.start(folder, limited)
    await spine.publish('telemetry/press/d', '1')
    await spine.publish('telemetry/press/a', '4')
    await spine.stop()
    spine = await Spine.start(folder, { store: { seriesMax: 1 } })
    await spine.publish('telemetry/press/a', '5')
    await spine.stop()
    expect(readLog(folder).map(({ metric, value }) => `${metric}${value}`)).toEqual([
      ...['a1', 'b1', 'c1', 'c2', 'a3', 'b3', 'c3', 'a4', 'a5'],
    ])
    expect(rejectsOf(folder).map(({ device, reason }) => [device, reason.includes('store.seriesMax')])).toEqual([
      ...[
        ['press', true],
        ['press', true],
        ['oven', true],
        ['press', true],
      ],
    ])
    expect(imbalances(folder)).toEqual([])
  })

  it('limits the devices for which rejects are counted as well', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder, { store: { seriesMax: 5 } })
    await Promise.all(Array.from({ length: 50 }, (_, i) => spine.publish(`telemetry/ghost-${i}`, '!')))
    expect(await spine.status()).toMatchObject({ devices: 6, rejected: 50 })
    await spine.stop()
    expect(imbalances(folder)).toEqual([])
  })
})
