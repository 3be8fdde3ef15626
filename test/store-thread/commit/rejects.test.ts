import { describe, expect, it } from 'vitest'
import { placeOrder } from '../../../src/store/orders.ts'
import { openReader, type RejectRow } from '../../../src/store/reader.ts'
import { tempFolder } from '../../../support/folder.ts'
import { until } from '../../../support/wait.ts'
import { connect, imbalances, tamper } from '../../store/stores.ts'
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

async function untilReplayed(folder: string): Promise<void> {
  const ids = rejectsOf(folder).map(({ id }) => id)
  placeOrder(folder, { kind: 'replay-undecodable', ids }, Date.now())
  const waits = (): boolean => {
    const database = connect(folder)
    const orders = database.prepare('SELECT count(*) FROM orders').pluck().get()
    database.close()
    return orders !== 0
  }
  await until(() => !waits(), { what: 'the order is carried out' })
}

describe('a message of which some fields are not understood', () => {
  const PAYLOADS = ['{"a":1,"b":1e999,"c":1e999}', '{"ts":1790000000000,"a":2,"s":[0,0,1],"b":1e999}']

  const names = (folder: string): string[] => readLog(folder).map(({ metric, value }) => `${metric}=${value}`)

  it('is kept once, with its places and reasons, and the account counts each field', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder)
    for (const payload of PAYLOADS) await spine.publish('telemetry/press', payload)
    expect(await spine.status()).toMatchObject({ readings: 5, rejected: 0, partial: 3 })
    await spine.stop()
    expect(names(folder)).toEqual(['a=1', 'a=2', 's.0=0', 's.1=0', 's.2=1'])
    expect(rejectsOf(folder).map(({ fields, reason }) => [fields, reason.split('\n').length])).toEqual([
      [2, 2],
      [1, 1],
    ])
    expect(rejectsOf(folder)[0]!.reason).toMatch(/^\$\.b: .*\n\$\.c: /)
    const reader = openReader(folder)
    expect(reader.ledger()).toMatchObject([{ received: 8, stored: 5, rejected: 0, partial: 3, problems: [] }])
    reader.close()
  })

  it('lists at most 16 fields, counts all, and survives a crash of the edge before the counters are folded', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder)
    const odd = Array.from({ length: 40 }, (_, i) => `"b${i}":1e999`)
    await spine.publish('telemetry/press', `{"a":1,${odd.join()}}`)
    const reader = openReader(folder) // while the edge runs, the counts are in the tallies
    expect(reader.ledger()).toMatchObject([{ received: 41, stored: 1, partial: 40, problems: [] }])
    reader.close()
    await spine.stop()
    const [kept] = rejectsOf(folder)
    expect(kept!.fields).toBe(40)
    expect(kept!.reason.split('\n')).toHaveLength(17)
    expect(kept!.reason).toMatch(/\nand 24 more fields$/)
    expect(imbalances(folder)).toEqual([])
  })

  it('can be replayed: only what is understood now is stored, and nothing twice', async () => {
    const folder = tempFolder()
    let spine = await Spine.start(folder)
    for (const payload of PAYLOADS) await spine.publish('telemetry/press', payload)
    await untilReplayed(folder)
    expect(names(folder)).toHaveLength(5)
    expect(rejectsOf(folder).map(({ fields }) => fields)).toEqual([2, 1])
    await spine.stop()
    // As if a later version understood one field of the first message, and all of the second.
    tamper(
      folder,
      `UPDATE rejects SET payload = CAST(replace(payload, '"b":1e999', '"b":7.5') AS BLOB);
       UPDATE rejects SET payload_bytes = length(payload)`,
    )
    spine = await Spine.start(folder)
    await untilReplayed(folder)
    await untilReplayed(folder)
    await spine.stop()
    expect(names(folder)).toEqual(['a=1', 'a=2', 's.0=0', 's.1=0', 's.2=1', 'b=7.5', 'b=7.5'])
    expect(rejectsOf(folder).map(({ fields, reason }) => [fields, reason.slice(0, 4)])).toEqual([[1, '$.c:']])
    const reader = openReader(folder)
    expect(reader.ledger()).toMatchObject([{ received: 8, stored: 7, rejected: 0, partial: 1, problems: [] }])
    reader.close()
  })
})

describe('a message of which nothing was understood', () => {
  it('can be replayed once its route is right, and is then counted as stored', async () => {
    const folder = tempFolder()
    const route = { topic: 'telemetry/{device}/{metric}', format: 'cbor' } as const
    let spine = await Spine.start(folder, { routes: [route] })
    await spine.publish('telemetry/press/force', '21.5')
    expect(await spine.status()).toMatchObject({ readings: 0, rejected: 1 })
    await untilReplayed(folder)
    await spine.stop()
    expect(rejectsOf(folder)).toHaveLength(1)
    spine = await Spine.start(folder)
    await untilReplayed(folder)
    await spine.stop()
    expect(readLog(folder)).toMatchObject([{ metric: 'force', value: 21.5 }])
    const reader = openReader(folder)
    expect(reader.ledger()).toMatchObject([{ received: 1, stored: 1, rejected: 0, problems: [] }])
    reader.close()
  })
})
