import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runTidegate } from '../../support/process.ts'
import { RawClient } from '../../support/raw-client.ts'
import { SiteEdge } from '../../support/site.ts'
import { until } from '../../support/wait.ts'

interface Shown {
  readonly ts: string
  readonly value: unknown
  readonly quality: number
}

const ROUTES = [
  ...['telemetry/{device}/{metric}', 'telemetry/{device}', 'kepware/{device}', 'tele/{device}/{metric}'],
  ...['v3/+/devices/{device}/up', 'shellies/{device}/info', 'opcua/json/data/{device}/+', 'losant/{device}/state'],
].map((topic) => ({ topic }))

const json = async (...args: string[]) => JSON.parse((await runTidegate([...args, '--json'])).stdout)

describe('a message with many fields, at a running edge', () => {
  let edge: SiteEdge
  let client: RawClient
  let messageId = 0

  beforeAll(async () => {
    edge = await SiteEdge.create({ routes: ROUTES })
    await edge.start()
    client = await RawClient.connect(edge.port, 'device')
  })

  afterAll(async () => {
    expect(edge.ledgerProblems()).toEqual([])
    expect(await edge.stop()).toBe(0)
  })

  /** Publishes with QoS 1, and waits until it is on disk. */
  async function publish(topic: string, payload: string | Buffer | object, { dup = false } = {}): Promise<void> {
    const bytes = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload)
    client.publish(topic, bytes, { qos: 1, dup, messageId: (messageId++ % 60_000) + 1 })
    await client.next('puback')
  }

  async function readings(device: string, metric: string): Promise<Shown[]> {
    const query = new URLSearchParams({ device, metric, from: '2020-01-01T00:00:00Z', to: '2080-01-01T00:00:00Z' })
    const answer = await fetch(`http://127.0.0.1:${edge.webPort}/api/history?${query}`)
    const body = (await answer.json()) as { readings?: Shown[]; error?: string }
    if (body.readings === undefined) throw new Error(body.error)
    return body.readings
  }

  async function values(device: string, metric: string): Promise<unknown[]> {
    return (await readings(device, metric)).map(({ value }) => value)
  }

  function account(device: string) {
    const row = edge.read((reader) => reader.ledger()).find((one) => one.device === device)!
    const { received, stored, rejected, partial, duplicate, problems } = row
    return { received, stored, rejected, partial, duplicate, problems }
  }

  it('gives every record of an array a series of its own, with its own time and quality', async () => {
    const t = 1_795_941_000_700
    await publish('kepware/kep1', {
      timestamp: 1_795_941_000_797,
      values: [
        { id: 'Ch1.Dev1.TagA', v: 42, q: true, t },
        { id: 'Ch1.Dev1.TagB', v: 0, q: false, t },
      ],
    })
    const ts = new Date(t).toISOString()
    expect(await readings('kep1', 'Ch1.Dev1.TagA')).toMatchObject([{ value: 42, quality: 1, ts }])
    expect(await readings('kep1', 'Ch1.Dev1.TagB')).toMatchObject([{ value: 0, quality: 4, ts }])

    const of = (id: string, qc: number): object => ({ id, qc, ts: '2026-11-29T08:39:52.02Z', val: 0 })
    const connector = { seq: 1, vals: [of('101', 3), of('102', 3), of('103', 0), of('104', 1), of('105', 2)] }
    await publish('telemetry/plc2', connector)
    const found = await Promise.all(['101', '102', '103', '104', '105'].map((id) => readings('plc2', id)))
    expect(found.map((rows) => rows.map(({ value, quality }) => [value, quality]))).toEqual([
      [[0, 1]],
      [[0, 1]],
      [[0, 4]],
      [[0, 3]],
      [[0, 1]],
    ])

    const named = ['temp', 'hum'].map((name) => ({ name, value: 20.1, ts: 1_795_941_000 }))
    await publish('telemetry/nv1', named)
    expect(await values('nv1', 'temp')).toEqual([20.1])
    expect(await values('nv1', 'hum')).toEqual([20.1])
    expect(account('nv1')).toEqual({ received: 2, stored: 2, rejected: 0, partial: 0, duplicate: 0, problems: [] })
  })

  it('keeps every sample of an array, and knows all of them again when the array is repeated', async () => {
    const samples = [0, 0, 1, 1, 1, 0, 0, -1, -1, 0]
    await publish('telemetry/vib1', { ts: 1_795_941_000_000, samples })
    expect(await values('vib1', 'samples')).toEqual(samples)
    await publish('telemetry/vib1', { ts: 1_795_941_000_000, samples }, { dup: true })
    await publish('telemetry/vib1', { ts: 1_795_941_000_000, samples })
    await publish('telemetry/vib1', { ts: 1_795_941_000_000, samples: [...samples, 0] })
    expect(await values('vib1', 'samples')).toEqual([...samples, 0])
    expect(account('vib1')).toMatchObject({ received: 41, stored: 11, duplicate: 30, problems: [] })
  })

  it('gives samples their times when it says their rate', async () => {
    await publish('telemetry/vib2', { ts: 1_795_941_000_000, sampleRate: 4, samples: [5, 5, 6] })
    const shown = await readings('vib2', 'samples')
    expect(shown.map(({ ts, value }) => [Date.parse(ts) - 1_795_941_000_000, value])).toEqual([
      [0, 5],
      [250, 5],
      [500, 6],
    ])
  })

  it('gives the channels of a small array a series each', async () => {
    await publish('tele/plug2/SENSOR', {
      Time: '2026-11-29T09:40:00',
      ENERGY: { Power: [12, 0], Current: [0.088, 0.0] },
    })
    expect(await values('plug2', 'SENSOR.ENERGY.Power.0')).toEqual([12])
    expect(await values('plug2', 'SENSOR.ENERGY.Power.1')).toEqual([0])
    expect(await values('plug2', 'SENSOR.ENERGY.Current.1')).toEqual([0])
  })

  it('is stored although it has several times, or one that is none', async () => {
    await publish('v3/app@ttn/devices/dev-1/up', {
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
    expect(await readings('dev-1', 'uplink_message.decoded_payload.temperature')).toMatchObject([{ value: 23.4, ts }])
    expect(await values('dev-1', 'uplink_message.rx_metadata.rssi')).toEqual([-35])
    expect(await values('dev-1', 'uplink_message.settings.timestamp')).toEqual([2_463_457_000])

    const before = Date.now()
    await publish('shellies/ht1/info', {
      ...{ time: '09:40', unixtime: 1_795_941_000, tmp: { value: 21.25, units: 'C' } },
      ...{ hum: { value: 47.5 }, bat: { value: 88 } },
    })
    for (const [metric, value] of [
      ['tmp', 21.25],
      ['hum', 47.5],
      ['bat', 88],
    ] as const) {
      const [shown, ...more] = await readings('ht1', metric)
      expect([shown!.value, more.length]).toEqual([value, 0])
      expect(Date.parse(shown!.ts)).toBeGreaterThanOrEqual(before)
    }
    expect(await values('ht1', 'time')).toEqual(['09:40'])

    await publish('losant/5f1/state', { time: { $date: '2026-11-29T08:40:00Z' }, data: { temp: 21.4 } })
    expect(await readings('5f1', 'data.temp')).toMatchObject([{ value: 21.4, ts: '2026-11-29T08:40:00.000Z' }])
  })

  it('is stored although it is nested deeply', async () => {
    await publish('telemetry/fronius', {
      Body: { Data: { Inverters: { '1': { P: 2150 } }, Site: { P_PV: 2150 } } },
    })
    expect(await values('fronius', 'Body.Data.Inverters.1.P')).toEqual([2150])
    expect(await values('fronius', 'Body.Data.Site.P_PV')).toEqual([2150])
    const Temperature = {
      ...{ Value: 25.5, SourceTimestamp: '2026-11-29T08:39:51.9Z' },
      ...{ StatusCode: { Code: 2_147_483_648 } },
    }
    await publish('opcua/json/data/pub1/wg1', {
      MessageType: 'ua-data',
      Messages: [{ Timestamp: '2026-11-29T08:39:52Z', Payload: { Temperature } }],
    })
    expect(await readings('pub1', 'Messages.Payload.Temperature')).toMatchObject([
      { value: 25.5, quality: 4, ts: '2026-11-29T08:39:51.900Z' },
    ])
  })

  it('is stored although something in it is not JSON', async () => {
    await publish('telemetry/g1', '{"temp":NaN,"hum":45}')
    expect(await readings('g1', 'temp')).toMatchObject([{ value: null, quality: 9 }])
    expect(await values('g1', 'hum')).toEqual([45])
    await publish('telemetry/g3', Buffer.from('efbbbf7b2274656d70223a32312e357d', 'hex'))
    expect(await values('g3', 'temp')).toEqual([21.5])
    await publish('telemetry/g4', Buffer.from('7b2274656d70223a32312e357d00', 'hex'))
    expect(await values('g4', 'temp')).toEqual([21.5])
  })

  it('gives its value the quality beside it, where the topic names no metric', async () => {
    await publish('telemetry/pump1', { value: -9999, quality: 'bad', ts: 1_795_941_000 })
    expect(await readings('pump1', 'value')).toMatchObject([
      { value: -9999, quality: 4, ts: '2026-11-29T08:30:00.000Z' },
    ])
    expect(account('pump1')).toMatchObject({ stored: 1 })
  })

  it('shows, counts and keeps the fields that were not understood, and no series has two quantities', async () => {
    await publish('telemetry/coll', '{"a.b":3,"a":{"b":5},"c":1e999,"d":1}')
    expect(await values('coll', 'a.b')).toEqual([3])
    expect(await values('coll', 'd')).toEqual([1])
    expect(account('coll')).toEqual({ received: 4, stored: 2, rejected: 0, partial: 2, duplicate: 0, problems: [] })
    const rejects = (await json('rejects', 'list', '--data', edge.folder)) as Record<string, unknown>[]
    const kept = rejects.find(({ device }) => device === 'coll')!
    expect(kept).toMatchObject({ partial: true, fields: 2, payloadText: '{"a.b":3,"a":{"b":5},"c":1e999,"d":1}' })
    expect(String(kept.reason).split('\n')).toEqual([
      expect.stringMatching(/^\$\.c: /),
      expect.stringMatching(/^\$\.a\.b: /),
    ])
    const shown = (await runTidegate(['rejects', 'show', String(kept.id), '--data', edge.folder])).stdout
    expect(shown).toMatch(/^partial {3}2 fields are not understood/m)
    expect(shown).toContain('$.a.b: ')
    expect((await runTidegate(['ledger', '--data', edge.folder])).stdout).toMatch(/^coll +4 +2 +0 +2 +0/m)
    expect((await json('ledger', '--data', edge.folder)).balanced).toBe(true)
    expect((await edge.status()).store.partial).toBe(2)

    await runTidegate(['rejects', 'drop', String(kept.id), '--data', edge.folder])
    const dropped = (): boolean => edge.read((reader) => reader.reject(Number(kept.id))) === undefined
    await until(dropped, { what: 'the message is dropped' })
    expect(account('coll')).toMatchObject({ stored: 2, partial: 2, problems: [] })
  })

  it('counts its fields that were not understood once when it is repeated', async () => {
    const payload = '{"ts":1795941000,"a":1,"b":1e999}'
    await publish('telemetry/twice', payload)
    await publish('telemetry/twice', payload, { dup: true })
    expect(account('twice')).toEqual({ received: 4, stored: 1, rejected: 0, partial: 1, duplicate: 2, problems: [] })
    const kept = edge.read((reader) => reader.rejects(1_000)).filter(({ device }) => device === 'twice')
    expect(kept).toHaveLength(1)
  })
})
