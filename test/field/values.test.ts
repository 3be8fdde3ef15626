import { describe, expect, it } from 'vitest'
import { RawClient } from '../../support/raw-client.ts'
import { until } from '../../support/wait.ts'
import { type AnsweredReading, siteForAll } from './field-device.ts'

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
  const site = siteForAll(ROUTES)

  const short = ({ value, quality }: AnsweredReading): unknown => [value, quality]

  /** Whether a time is that of its arrival, give or take the time that a slow machine needs. */
  function isNow(ts: string): boolean {
    return Math.abs(Date.now() - Date.parse(ts)) < 60_000
  }

  it('has the time of its arrival and a mark, when its own time is an uptime', async () => {
    await site.publish('telemetry/t1', { time: 12.5, temp: 21.5 }, { time: 0, temp: 22 }, { time: '09:40', temp: 23 })
    const shown = await site.readings('t1', 'temp')
    expect(shown.map(short)).toEqual([
      [21.5, 3],
      [22, 3],
      [23, 3],
    ])
    for (const { ts, reasons } of shown) expect([isNow(ts), reasons]).toEqual([true, 'TIME_INVALID'])
    expect(await site.values('t1', 'time')).toContain(12.5)
  })

  it('has the time that the digits of a date say, and a mark because its zone is not known', async () => {
    const hourAgo = new Date(Date.now() - 3_600_000).toISOString().slice(0, 19)
    await site.publish('telemetry/t3', `{"ts":${hourAgo.replace(/\D/g, '')},"temp":21.5}`)
    expect(await site.readings('t3', 'temp')).toMatchObject([
      { ts: `${hourAgo}.000Z`, value: 21.5, quality: 3, reasons: 'TIME_ZONE' },
    ])
  })

  it('has the time of the zone that its route gives, and never that of the zone of another route', async () => {
    const shown = (timeZone: string): string =>
      new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }).format()
    await site.publish('rtl_433/gw/events', { time: shown('America/New_York'), model: 'Nexus-TH', temperature_C: 20.5 })
    const [inZone] = await site.readings('gw', 'temperature_C')
    expect([isNow(inZone!.ts), inZone!.quality]).toEqual([true, 1])
    await site.publish('rtl_utc/west/events', { time: shown('America/New_York'), temperature_C: 20.5 })
    await site.publish('rtl_utc/east/events', { time: shown('Europe/Berlin'), temperature_C: 20.5 })
    const [west] = await site.readings('west', 'temperature_C')
    const [east] = await site.readings('east', 'temperature_C')
    expect(west).toMatchObject({ quality: 3, reasons: 'TIME_ZONE' })
    expect(east).toMatchObject({ quality: 3, reasons: 'TIME_INVALID' })
    expect(isNow(east!.ts)).toBe(true)
  })

  it('has the quality that the device gives, in the terms of OPC', async () => {
    const t = Date.now() - 10_000
    await site.publish('telemetry/kep2/tag1', { v: 42, q: true, t }, { v: 0, q: false, t: t + 1 })
    expect((await site.readings('kep2', 'tag1')).map(short)).toEqual([
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
    await site.publish('telemetry/opc/tag', ...qualities.map((quality, i) => ({ value: i, quality, ts: t + i })))
    expect((await site.readings('opc', 'tag')).map(({ quality }) => quality)).toEqual([4, 4, 3, 4, 1, 4, 3])
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
    await site.publish('homeassistant/sensor/boiler/t', ...words)
    expect((await site.readings('boiler', 't')).map(short)).toEqual([
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
    await site.publish('telemetry/g1', { temp: 'unavailable', hum: 45 })
    expect((await site.readings('g1', 'temp')).map(short)).toEqual([[null, 9]])
    expect((await site.readings('g1', 'hum')).map(short)).toEqual([[45, 1]])
    await site.publish('words/lamp/state', 'none', 'unknown', 'on')
    expect(await site.values('lamp', 'state')).toEqual(['none', 'unknown', 'on'])
  })

  it('is a number in every spelling of one', async () => {
    await site.publish('telemetry/s/m', '+21.5', '.5', '5.', Buffer.from('21.5\0'), '-.5')
    expect((await site.readings('s', 'm')).map(short)).toEqual([21.5, 0.5, 5, 21.5, -0.5].map((value) => [value, 1]))
    await site.publish('telemetry/s/text', '21,5', '23.4 °C', '45%', '"21.5"', '007')
    expect(await site.values('s', 'text')).toEqual(['21,5', '23.4 °C', '45%', '21.5', '007'])
    await site.publish('lenient/s2/m', '21,5', '"21.5"', '007', '+21.5', '3 of 4')
    expect(await site.values('s2', 'm')).toEqual([21.5, 21.5, 7, 21.5, '3 of 4'])
    await site.publish('lenient/s2/u', '23.4 °C')
    await site.publish('lenient/s2/p', '45%')
    expect(await site.readings('s2', 'u')).toMatchObject([{ value: 23.4, unit: '°C', quality: 1 }])
    expect(await site.readings('s2', 'p')).toMatchObject([{ value: 45, unit: '%', quality: 1 }])
  })

  it('is bytes, not numbers, when three bytes could be CBOR by chance', async () => {
    const raw = Buffer.from('821516', 'hex')
    await site.publish('telemetry/s/raw', raw)
    expect(await site.readings('s', 'raw')).toMatchObject([{ value: raw.toString('base64'), type: 'bytes' }])
    await site.publish('cbor/s/asked', raw)
    expect((await site.values('s', 'asked')).toSorted()).toEqual([21, 22])
  })

  it('belongs to the device that several levels of the topic name', async () => {
    await site.publish('N/p1/solarcharger/279/Dc/0/Voltage', { value: 52.4 })
    await site.publish('N/p1/solarcharger/288/Dc/0/Voltage', { value: 27.1 })
    expect((await site.readings('solarcharger.279', 'Voltage')).map(short)).toEqual([[52.4, 1]])
    expect((await site.readings('solarcharger.288', 'Voltage')).map(short)).toEqual([[27.1, 1]])
    await site.publish('M/p1/battery/512/Soc', { value: 88 })
    expect((await site.readings('p1', 'battery.512.Soc')).map(short)).toEqual([[88, 1]])
  })

  it('keeps its value when its unit cannot be stored', async () => {
    await site.publish('telemetry/badunit/t', { value: 1, unit: 'C\0' })
    expect(await site.readings('badunit', 't')).toMatchObject([{ value: 1, unit: null, quality: 1 }])
    expect(await site.values('badunit', 't.unit')).toEqual(['C\0'])
  })

  it('never shares a device with a name that is not UTF-8: its connection is closed and counted', async () => {
    const publishAs = async (name: Buffer): Promise<boolean> => {
      const one = await RawClient.connect(site.edge.port, 'latin')
      const topic = Buffer.concat([Buffer.from('telemetry/'), name, Buffer.from('/t')])
      const body = Buffer.concat([Uint8Array.of(0, topic.length), topic, Uint8Array.of(0, 9), Buffer.from('{"v":5}')])
      one.sendBytes(Buffer.concat([Uint8Array.of(0x32, body.length), body]))
      await until(() => one.closed || one.count('puback') > 0)
      return !one.closed
    }
    expect(await publishAs(Buffer.from('Kühler', 'latin1'))).toBe(false)
    expect(await publishAs(Buffer.from('Köhler', 'latin1'))).toBe(false)
    expect(await publishAs(Buffer.from('Kühler'))).toBe(true)
    expect((await site.readings('Kühler', 't')).map(short)).toEqual([[5, 1]])
    expect((await site.edge.status()).broker.illFormed).toBe(2)
  })
})
