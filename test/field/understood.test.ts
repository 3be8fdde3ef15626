import { describe, expect, it } from 'vitest'
import { runTidegate } from '../../support/process.ts'
import { until } from '../../support/wait.ts'
import { siteForAll } from './field-device.ts'

const ROUTES = [
  ...['telemetry/{device}/{metric}', 'telemetry/{device}', 'kepware/{device}', 'tele/{device}/{metric}'],
  ...['v3/+/devices/{device}/up', 'shellies/{device}/info', 'opcua/json/data/{device}/+', 'losant/{device}/state'],
].map((topic) => ({ topic }))

const json = async (...args: string[]) => JSON.parse((await runTidegate([...args, '--json'])).stdout)

describe('a message with many fields, at a running edge', () => {
  const site = siteForAll(ROUTES)

  function account(device: string) {
    const row = site.edge.read((reader) => reader.ledger()).find((one) => one.device === device)!
    const { received, stored, rejected, partial, duplicate, problems } = row
    return { received, stored, rejected, partial, duplicate, problems }
  }

  it('gives every record of an array a series of its own, with its own time and quality', async () => {
    const t = 1_795_941_000_700
    await site.publish('kepware/kep1', {
      timestamp: 1_795_941_000_797,
      values: [
        { id: 'Ch1.Dev1.TagA', v: 42, q: true, t },
        { id: 'Ch1.Dev1.TagB', v: 0, q: false, t },
      ],
    })
    const ts = new Date(t).toISOString()
    expect(await site.readings('kep1', 'Ch1.Dev1.TagA')).toMatchObject([{ value: 42, quality: 1, ts }])
    expect(await site.readings('kep1', 'Ch1.Dev1.TagB')).toMatchObject([{ value: 0, quality: 4, ts }])

    const of = (id: string, qc: number): object => ({ id, qc, ts: '2026-11-29T08:39:52.02Z', val: 0 })
    const connector = { seq: 1, vals: [of('101', 3), of('102', 3), of('103', 0), of('104', 1), of('105', 2)] }
    await site.publish('telemetry/plc2', connector)
    const found = await Promise.all(['101', '102', '103', '104', '105'].map((id) => site.readings('plc2', id)))
    expect(found.map((rows) => rows.map(({ value, quality }) => [value, quality]))).toEqual([
      [[0, 1]],
      [[0, 1]],
      [[0, 4]],
      [[0, 3]],
      [[0, 1]],
    ])

    const named = ['temp', 'hum'].map((name) => ({ name, value: 20.1, ts: 1_795_941_000 }))
    await site.publish('telemetry/nv1', named)
    expect(await site.values('nv1', 'temp')).toEqual([20.1])
    expect(await site.values('nv1', 'hum')).toEqual([20.1])
    expect(account('nv1')).toEqual({ received: 2, stored: 2, rejected: 0, partial: 0, duplicate: 0, problems: [] })
  })

  it('keeps every sample of an array, and recognises all of them as repeats when the array is published again', async () => {
    const samples = [0, 0, 1, 1, 1, 0, 0, -1, -1, 0]
    await site.publish('telemetry/vib1', { ts: 1_795_941_000_000, samples })
    expect(await site.values('vib1', 'samples')).toEqual(samples)
    await site.publishAgain('telemetry/vib1', { ts: 1_795_941_000_000, samples })
    await site.publish('telemetry/vib1', { ts: 1_795_941_000_000, samples })
    await site.publish('telemetry/vib1', { ts: 1_795_941_000_000, samples: [...samples, 0] })
    expect(await site.values('vib1', 'samples')).toEqual([...samples, 0])
    expect(account('vib1')).toMatchObject({ received: 41, stored: 11, duplicate: 30, problems: [] })
  })

  it('gives samples their times when it says their rate', async () => {
    await site.publish('telemetry/vib2', { ts: 1_795_941_000_000, sampleRate: 4, samples: [5, 5, 6] })
    const shown = await site.readings('vib2', 'samples')
    expect(shown.map(({ ts, value }) => [Date.parse(ts) - 1_795_941_000_000, value])).toEqual([
      [0, 5],
      [250, 5],
      [500, 6],
    ])
  })

  it('gives the channels of a small array a series each', async () => {
    await site.publish('tele/plug2/SENSOR', {
      Time: '2026-11-29T09:40:00',
      ENERGY: { Power: [12, 0], Current: [0.088, 0.0] },
    })
    expect(await site.values('plug2', 'SENSOR.ENERGY.Power.0')).toEqual([12])
    expect(await site.values('plug2', 'SENSOR.ENERGY.Power.1')).toEqual([0])
    expect(await site.values('plug2', 'SENSOR.ENERGY.Current.1')).toEqual([0])
  })

  it('is stored although it has several times, or a time that is not one', async () => {
    await site.publish('v3/app@ttn/devices/dev-1/up', {
      end_device_ids: { device_id: 'dev-1' },
      received_at: '2026-11-29T08:34:16.06Z',
      uplink_message: {
        f_port: 1,
        decoded_payload: { temperature: 23.4 },
        rx_metadata: [
          {
            gateway_ids: { gateway_id: 'gw1' },
            time: '2026-11-29T08:34:15.9Z',
            timestamp: 2_463_457_000,
            rssi: -35,
          },
        ],
        settings: { timestamp: 2_463_457_000 },
      },
    })
    const ts = '2026-11-29T08:34:16.060Z'
    expect(await site.readings('dev-1', 'uplink_message.decoded_payload.temperature')).toMatchObject([
      { value: 23.4, ts },
    ])
    expect(await site.values('dev-1', 'uplink_message.rx_metadata.rssi')).toEqual([-35])
    expect(await site.values('dev-1', 'uplink_message.settings.timestamp')).toEqual([2_463_457_000])

    const before = Date.now()
    await site.publish('shellies/ht1/info', {
      ...{ time: '09:40', unixtime: 1_795_941_000, tmp: { value: 21.25, units: 'C' } },
      ...{ hum: { value: 47.5 }, bat: { value: 88 } },
    })
    for (const [metric, value] of [
      ['tmp', 21.25],
      ['hum', 47.5],
      ['bat', 88],
    ] as const) {
      const [shown, ...more] = await site.readings('ht1', metric)
      expect([shown!.value, more.length]).toEqual([value, 0])
      expect(Date.parse(shown!.ts)).toBeGreaterThanOrEqual(before)
    }
    expect(await site.values('ht1', 'time')).toEqual(['09:40'])

    await site.publish('losant/5f1/state', { time: { $date: '2026-11-29T08:40:00Z' }, data: { temp: 21.4 } })
    expect(await site.readings('5f1', 'data.temp')).toMatchObject([{ value: 21.4, ts: '2026-11-29T08:40:00.000Z' }])
  })

  it('is stored although it is nested deeply', async () => {
    await site.publish('telemetry/fronius', {
      Body: { Data: { Inverters: { '1': { P: 2150 } }, Site: { P_PV: 2150 } } },
    })
    expect(await site.values('fronius', 'Body.Data.Inverters.1.P')).toEqual([2150])
    expect(await site.values('fronius', 'Body.Data.Site.P_PV')).toEqual([2150])
    const Temperature = {
      ...{ Value: 25.5, SourceTimestamp: '2026-11-29T08:39:51.9Z' },
      ...{ StatusCode: { Code: 2_147_483_648 } },
    }
    await site.publish('opcua/json/data/pub1/wg1', {
      MessageType: 'ua-data',
      Messages: [{ Timestamp: '2026-11-29T08:39:52Z', Payload: { Temperature } }],
    })
    expect(await site.readings('pub1', 'Messages.Payload.Temperature')).toMatchObject([
      { value: 25.5, quality: 4, ts: '2026-11-29T08:39:51.900Z' },
    ])
  })

  it('is stored although something in it is not JSON', async () => {
    await site.publish('telemetry/g1', '{"temp":NaN,"hum":45}')
    expect(await site.readings('g1', 'temp')).toMatchObject([{ value: null, quality: 9 }])
    expect(await site.values('g1', 'hum')).toEqual([45])
    await site.publish('telemetry/g3', Buffer.from('efbbbf7b2274656d70223a32312e357d', 'hex'))
    expect(await site.values('g3', 'temp')).toEqual([21.5])
    await site.publish('telemetry/g4', Buffer.from('7b2274656d70223a32312e357d00', 'hex'))
    expect(await site.values('g4', 'temp')).toEqual([21.5])
  })

  it('gives its value the quality beside it, where the topic names no metric', async () => {
    await site.publish('telemetry/pump1', { value: -9999, quality: 'bad', ts: 1_795_941_000 })
    expect(await site.readings('pump1', 'value')).toMatchObject([
      { value: -9999, quality: 4, ts: '2026-11-29T08:30:00.000Z' },
    ])
    expect(account('pump1')).toMatchObject({ stored: 1 })
  })

  it('shows, counts and keeps the fields that were not understood, and no series has two quantities', async () => {
    await site.publish('telemetry/coll', '{"a.b":3,"a":{"b":5},"c":1e999,"d":1}')
    expect(await site.values('coll', 'a.b')).toEqual([3])
    expect(await site.values('coll', 'd')).toEqual([1])
    expect(account('coll')).toEqual({ received: 4, stored: 2, rejected: 0, partial: 2, duplicate: 0, problems: [] })
    const rejects = (await json('rejects', 'list', '--data', site.edge.folder)) as Record<string, unknown>[]
    const kept = rejects.find(({ device }) => device === 'coll')!
    expect(kept).toMatchObject({ partial: true, fields: 2, payloadText: '{"a.b":3,"a":{"b":5},"c":1e999,"d":1}' })
    expect(String(kept.reason).split('\n')).toEqual([
      expect.stringMatching(/^\$\.c: /),
      expect.stringMatching(/^\$\.a\.b: /),
    ])
    const shown = (await runTidegate(['rejects', 'show', String(kept.id), '--data', site.edge.folder])).stdout
    expect(shown).toMatch(/^partial {3}2 fields are not understood/m)
    expect(shown).toContain('$.a.b: ')
    expect((await runTidegate(['ledger', '--data', site.edge.folder])).stdout).toMatch(/^coll +4 +2 +0 +2 +0/m)
    expect((await json('ledger', '--data', site.edge.folder)).balanced).toBe(true)
    expect((await site.edge.status()).store.partial).toBe(2)

    await runTidegate(['rejects', 'drop', String(kept.id), '--data', site.edge.folder])
    const dropped = (): boolean => site.edge.read((reader) => reader.reject(Number(kept.id))) === undefined
    await until(dropped, { what: 'the message is dropped' })
    expect(account('coll')).toMatchObject({ stored: 2, partial: 2, problems: [] })
  })

  it('names a member whose name occurs again in its object, and stores the last one', async () => {
    const payload = '{"a":1,"b":{"x":1,"x":2},"\\u0061":3}'
    await site.publish('telemetry/again', payload)
    expect(await site.values('again', 'a')).toEqual([3])
    expect(await site.values('again', 'b.x')).toEqual([2])
    expect(account('again')).toEqual({ received: 4, stored: 2, rejected: 0, partial: 2, duplicate: 0, problems: [] })
    const rejects = (await json('rejects', 'list', '--data', site.edge.folder)) as Record<string, unknown>[]
    const kept = rejects.find(({ device }) => device === 'again')!
    expect(kept).toMatchObject({ partial: true, fields: 2, payloadText: payload })
    expect(String(kept.reason).split('\n')).toEqual([
      expect.stringMatching(/^\$\.b\.x: /),
      expect.stringMatching(/^\$\.a: /),
    ])

    const time = '"ts":1795941000123'
    await site.publish('telemetry/again/level', `{"value":1,"value":21.5,${time}}`)
    expect(await site.values('again', 'level')).toEqual([21.5])
    await site.publish('telemetry/again-cbor', Buffer.from('a3616101616202616103', 'hex'))
    expect(await site.values('again-cbor', 'a')).toEqual([3])
    expect(await site.values('again-cbor', 'b')).toEqual([2])
    expect(account('again')).toMatchObject({ received: 6, stored: 3, partial: 3 })
    expect(account('again-cbor')).toMatchObject({ received: 3, stored: 2, rejected: 0, partial: 1 })
    expect((await json('ledger', '--data', site.edge.folder)).balanced).toBe(true)
  })

  it('counts its partial rejects only once when it is repeated', async () => {
    const payload = '{"ts":1795941000,"a":1,"b":1e999}'
    await site.publish('telemetry/twice', payload)
    await site.publishAgain('telemetry/twice', payload)
    expect(account('twice')).toEqual({ received: 4, stored: 1, rejected: 0, partial: 1, duplicate: 2, problems: [] })
    const kept = site.edge.read((reader) => reader.rejects(1_000)).filter(({ device }) => device === 'twice')
    expect(kept).toHaveLength(1)
  })
})
