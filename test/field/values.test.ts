import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RawClient } from '../../support/raw-client.ts'
import { SiteEdge } from '../../support/site.ts'
import { until } from '../../support/wait.ts'

interface Shown {
  readonly ts: string
  readonly value: unknown
  readonly type: string
  readonly unit: string | null
  readonly quality: number
  readonly reasons: string
}

const ROUTES = [
  { topic: 'telemetry/{device}/{metric}' },
  { topic: 'telemetry/{device}' },
  { topic: 'lenient/{device}/{metric}', numbers: 'lenient' },
  { topic: 'words/{device}/{metric}', noValueTexts: false },
  { topic: 'rtl_433/{device}/events', zone: 'America/New_York' },
  { topic: 'rtl_utc/{device}/events' },
  { topic: 'homeassistant/+/{device}/{metric}' },
  { topic: 'garage/sensor/{device}/state' },
  { topic: 'N/+/{device}/{device}/Dc/0/{metric}' },
  { topic: 'M/{device}/{metric#}' },
  { topic: 'cbor/{device}/{metric}', format: 'cbor' },
]

describe('what devices send, at a running edge', () => {
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
  async function publish(topic: string, ...payloads: (string | Buffer | object)[]): Promise<void> {
    for (const payload of payloads) {
      const bytes = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload)
      client.publish(topic, bytes, { qos: 1, messageId: (messageId++ % 60_000) + 1 })
      await client.next('puback')
    }
  }

  /** All readings of a metric of the last day. */
  async function readings(device: string, metric: string): Promise<Shown[]> {
    const query = new URLSearchParams({
      device,
      metric,
      from: '-24h',
      to: new Date(Date.now() + 86_400_000).toISOString(),
    })
    const answer = await fetch(`http://127.0.0.1:${edge.webPort}/api/history?${query}`)
    const body = (await answer.json()) as { readings?: Shown[]; error?: string }
    if (body.readings === undefined) throw new Error(body.error)
    return body.readings
  }

  const short = ({ value, quality }: Shown): unknown => [value, quality]

  /** Whether a time is that of its arrival, give or take the time that a slow machine needs. */
  function isNow(ts: string): boolean {
    return Math.abs(Date.now() - Date.parse(ts)) < 60_000
  }

  it('has the time of its arrival and a mark, when its own is the time since the start', async () => {
    await publish('telemetry/t1', { time: 12.5, temp: 21.5 }, { time: 0, temp: 22 }, { time: '09:40', temp: 23 })
    const shown = await readings('t1', 'temp')
    expect(shown.map(short)).toEqual([
      [21.5, 3],
      [22, 3],
      [23, 3],
    ])
    for (const { ts, reasons } of shown) expect([isNow(ts), reasons]).toEqual([true, 'TIME_INVALID'])
    expect((await readings('t1', 'time')).map(({ value }) => value)).toContain(12.5)
  })

  it('has the time that the digits of a date say, and a mark because its zone is not known', async () => {
    const hourAgo = new Date(Date.now() - 3_600_000).toISOString().slice(0, 19)
    await publish('telemetry/t3', `{"ts":${hourAgo.replace(/\D/g, '')},"temp":21.5}`)
    expect(await readings('t3', 'temp')).toMatchObject([
      { ts: `${hourAgo}.000Z`, value: 21.5, quality: 3, reasons: 'TIME_ZONE' },
    ])
  })

  it('has the time of the zone that its route gives, and never one from the zone of another', async () => {
    const shown = (timeZone: string): string =>
      new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }).format()
    await publish('rtl_433/gw/events', { time: shown('America/New_York'), model: 'Nexus-TH', temperature_C: 20.5 })
    const [inZone] = await readings('gw', 'temperature_C')
    expect([isNow(inZone!.ts), inZone!.quality]).toEqual([true, 1])
    await publish('rtl_utc/west/events', { time: shown('America/New_York'), temperature_C: 20.5 })
    await publish('rtl_utc/east/events', { time: shown('Europe/Berlin'), temperature_C: 20.5 })
    const [west] = await readings('west', 'temperature_C')
    const [east] = await readings('east', 'temperature_C')
    expect(west).toMatchObject({ quality: 3, reasons: 'TIME_ZONE' })
    expect(east).toMatchObject({ quality: 3, reasons: 'TIME_INVALID' })
    expect(isNow(east!.ts)).toBe(true)
  })

  it('has the quality that the device gives, in the terms of OPC', async () => {
    const t = Date.now() - 10_000
    await publish('telemetry/kep2/tag1', { v: 42, q: true, t }, { v: 0, q: false, t: t + 1 })
    expect((await readings('kep2', 'tag1')).map(short)).toEqual([
      [42, 1],
      [0, 4],
    ])
    const qualities = [
      'bad',
      'BadSensorFailure',
      'Uncertain, Last Usable Value',
      { Code: 0x8000_0000 },
      192,
      -2147483648,
      0,
    ]
    await publish('telemetry/opc/tag', ...qualities.map((quality, i) => ({ value: i, quality, ts: t + i })))
    expect((await readings('opc', 'tag')).map(({ quality }) => quality)).toEqual([4, 4, 3, 4, 1, 4, 3])
  })

  it('is missing when the device says so in words, and the numbers after it are good', async () => {
    const words = [
      'unavailable',
      '21.5',
      '21.6',
      'unknown',
      '21.7',
      'nan',
      'N/A',
      '---',
      'None',
      '""',
      '"null"',
      'inf',
      '21.8',
    ]
    await publish('homeassistant/sensor/boiler/t', ...words)
    expect((await readings('boiler', 't')).map(short)).toEqual([
      ...[
        [null, 9],
        [21.5, 1],
        [21.6, 1],
        [null, 9],
        [21.7, 1],
        [null, 9],
        [null, 9],
        [null, 9],
      ],
      ...[
        [null, 9],
        [null, 9],
        [null, 9],
        [null, 9],
        [21.8, 1],
      ],
    ])
    await publish('telemetry/g1', { temp: 'unavailable', hum: 45 })
    expect((await readings('g1', 'temp')).map(short)).toEqual([[null, 9]])
    expect((await readings('g1', 'hum')).map(short)).toEqual([[45, 1]])
    await publish('words/lamp/state', 'none', 'unknown', 'on')
    expect((await readings('lamp', 'state')).map(({ value }) => value)).toEqual(['none', 'unknown', 'on'])
  })

  it('is a number in every spelling of one', async () => {
    await publish('telemetry/s/m', '+21.5', '.5', '5.', Buffer.from('21.5\0'), '-.5')
    expect((await readings('s', 'm')).map(short)).toEqual([21.5, 0.5, 5, 21.5, -0.5].map((value) => [value, 1]))
    await publish('telemetry/s/text', '21,5', '23.4 °C', '45%', '"21.5"', '007')
    expect((await readings('s', 'text')).map(({ value }) => value)).toEqual(['21,5', '23.4 °C', '45%', '21.5', '007'])
    await publish('lenient/s2/m', '21,5', '"21.5"', '007', '+21.5', '3 of 4')
    expect((await readings('s2', 'm')).map(({ value }) => value)).toEqual([21.5, 21.5, 7, 21.5, '3 of 4'])
    await publish('lenient/s2/u', '23.4 °C')
    await publish('lenient/s2/p', '45%')
    expect(await readings('s2', 'u')).toMatchObject([{ value: 23.4, unit: '°C', quality: 1 }])
    expect(await readings('s2', 'p')).toMatchObject([{ value: 45, unit: '%', quality: 1 }])
  })

  it('is bytes, not numbers, when three bytes could be CBOR by chance', async () => {
    const raw = Buffer.from('821516', 'hex')
    await publish('telemetry/s/raw', raw)
    expect(await readings('s', 'raw')).toMatchObject([{ value: raw.toString('base64'), type: 'bytes' }])
    await publish('cbor/s/asked', raw)
    expect((await readings('s', 'asked')).map(({ value }) => value).toSorted()).toEqual([21, 22])
  })

  it('belongs to the device that several levels of the topic name', async () => {
    await publish('N/p1/solarcharger/279/Dc/0/Voltage', { value: 52.4 })
    await publish('N/p1/solarcharger/288/Dc/0/Voltage', { value: 27.1 })
    expect((await readings('solarcharger.279', 'Voltage')).map(short)).toEqual([[52.4, 1]])
    expect((await readings('solarcharger.288', 'Voltage')).map(short)).toEqual([[27.1, 1]])
    await publish('M/p1/battery/512/Soc', { value: 88 })
    expect((await readings('p1', 'battery.512.Soc')).map(short)).toEqual([[88, 1]])
  })

  it('keeps its value when its unit cannot be stored', async () => {
    await publish('telemetry/badunit/t', { value: 1, unit: 'C\0' })
    expect(await readings('badunit', 't')).toMatchObject([{ value: 1, unit: null, quality: 1 }])
    expect((await readings('badunit', 't.unit')).map(({ value }) => value)).toEqual(['C\0'])
  })

  it('never shares a device with a name that is not UTF-8: its connection is closed and counted', async () => {
    const publishAs = async (name: Buffer): Promise<boolean> => {
      const one = await RawClient.connect(edge.port, 'latin')
      const topic = Buffer.concat([Buffer.from('telemetry/'), name, Buffer.from('/t')])
      const body = Buffer.concat([Uint8Array.of(0, topic.length), topic, Uint8Array.of(0, 9), Buffer.from('{"v":5}')])
      one.sendBytes(Buffer.concat([Uint8Array.of(0x32, body.length), body]))
      await until(() => one.closed || one.count('puback') > 0)
      return !one.closed
    }
    expect(await publishAs(Buffer.from('Kühler', 'latin1'))).toBe(false)
    expect(await publishAs(Buffer.from('Köhler', 'latin1'))).toBe(false)
    expect(await publishAs(Buffer.from('Kühler'))).toBe(true)
    expect((await readings('Kühler', 't')).map(short)).toEqual([[5, 1]])
    expect((await edge.status()).broker.illFormed).toBe(2)
  })
})
