import { beforeAll, describe, expect, it } from 'vitest'
import { SiteEdge } from '../../support/site.ts'
import { historyOf, lastAt, latestOf, publishInOrder } from './field-device.ts'

/** 2033: far in the future of every machine that runs this. */
const FAR_S = 2_000_000_000

/** One edge for all tests; each has devices of its own. */
let edge: SiteEdge

beforeAll(async () => {
  edge = await SiteEdge.create()
  await edge.start()
})

/** The quality of each value; their JSON distinguishes texts from numbers. */
async function verdicts(device: string): Promise<string[]> {
  const readings = await historyOf(edge, device, 'v')
  return readings.map(({ value, quality, reasons }) => `${JSON.stringify(value)} ${quality} ${reasons}`.trim())
}

describe('the type of a series in the field', () => {
  it('is that of numbers, whatever came first: numbers are good, and the text is bad', async () => {
    const orders = [
      ['booting', '21.5', '21.6', '21.7'],
      ['21.5', 'booting', '21.6', '21.7'],
      ['21.5', '21.6', '21.7', 'booting'],
    ]
    for (const [i, payloads] of orders.entries()) {
      await publishInOrder(edge, `telemetry/order${i}/v`, payloads)
      expect((await verdicts(`order${i}`)).sort()).toEqual(['"booting" 4 TYPE', '21.5 1', '21.6 1', '21.7 1'])
    }
  })

  it('is that of numbers in every order, also with more texts than numbers', async () => {
    const values = ['booting', '21.5', 'ready', 'idle']
    for (const [i] of values.entries()) {
      await publishInOrder(edge, `telemetry/turn${i}/v`, [...values.slice(i), ...values.slice(0, i)])
      const expected = ['"booting" 4 TYPE', '"idle" 4 TYPE', '"ready" 4 TYPE', '21.5 1']
      expect((await verdicts(`turn${i}`)).sort()).toEqual(expected)
    }
  })

  it('takes 0 and 1 beside true and false, in any order', async () => {
    for (const [i, payloads] of [
      ['true', '1', '0'],
      ['1', 'true', '0'],
      ['1', '0', 'true'],
    ].entries()) {
      await publishInOrder(edge, `telemetry/relay${i}/v`, payloads)
      expect((await verdicts(`relay${i}`)).sort()).toEqual(['0 1', '1 1', 'true 1'])
    }
  })

  it('stays what it was over a restart', async () => {
    await publishInOrder(edge, 'telemetry/boiler/v', ['booting', '21.5'])
    await edge.kill()
    await edge.start()
    await publishInOrder(edge, 'telemetry/boiler/v', ['21.6', 'booting'])
    expect(await verdicts('boiler')).toEqual(['"booting" 4 TYPE', '21.5 1', '21.6 1', '"booting" 4 TYPE'])
  })

  it('does not follow a stray number: a series of texts stays good', async () => {
    const words = Array.from({ length: 20 }, (_, i) => (i === 18 ? '5' : `step ${i}x`))
    await publishInOrder(edge, 'telemetry/mixer/v', words)
    expect((await historyOf(edge, 'mixer', 'v')).map(({ quality }) => quality)).toEqual(words.map(() => 1))
  })
})

describe('a value without a unit', () => {
  it('has the unit that was named last, also after a kill', async () => {
    const named = (value: number, unit: string): string => JSON.stringify({ value, unit })
    await publishInOrder(edge, 'telemetry/uc2/t', [named(20, '°C'), named(68, '°F'), named(20.5, '°C'), '21'])
    await edge.kill()
    await edge.start()
    await publishInOrder(edge, 'telemetry/uc2/t', ['22', named(70, '°F'), '71', named(23, '°C'), '24'])
    const units = new Map((await historyOf(edge, 'uc2', 't')).map(({ value, unit }) => [value, unit]))
    const celsius = [20, 20.5, 21, 22, 23, 24].map((value) => [value, '°C'] as const)
    const fahrenheit = [68, 70, 71].map((value) => [value, '°F'] as const)
    expect(units).toEqual(new Map([...celsius, ...fahrenheit]))
  })

  it('is not given the unit of a repeat of an older reading', async () => {
    const ts = Date.now() - 60_000
    const old = JSON.stringify({ value: 68, unit: '°F', ts })
    await publishInOrder(edge, 'telemetry/uc3/t', [
      old,
      JSON.stringify({ value: 20, unit: '°C', ts: ts + 1 }),
      old,
      '21',
    ])
    const units = (await historyOf(edge, 'uc3', 't')).map(({ value, unit }) => [value, unit])
    expect(units).toEqual([
      [68, '°F'],
      [20, '°C'],
      [21, '°C'],
    ])
  })
})

describe('one reading from the future', () => {
  it('is never the latest, nor the time at which its device was last seen', async () => {
    const future = JSON.stringify({ value: -99, ts: FAR_S })
    await publishInOrder(edge, 'telemetry/f1/t', ['21', future])
    expect((await latestOf(edge, 'f1')).map(({ value }) => value)).toEqual([21])
    await publishInOrder(edge, 'telemetry/f1/t', ['22', '23'])
    expect((await latestOf(edge, 'f1')).map(({ value }) => value)).toEqual([23])
    expect(await lastAt(edge, 'f1')).toBeLessThanOrEqual(Date.now())
  })

  it('is the latest, as bad, while the series has no other', async () => {
    const payloads = [1, 2].map((value) => JSON.stringify({ value, ts: FAR_S - value }))
    await publishInOrder(edge, 'telemetry/f2/t', payloads)
    expect(await latestOf(edge, 'f2')).toMatchObject([{ value: 2, quality: 4 }])
    expect(await lastAt(edge, 'f2')).toBeLessThanOrEqual(Date.now())
  })

  it('is stored once when it is repeated, and later readings are not taken for repeats', async () => {
    const future = JSON.stringify({ value: -99, ts: FAR_S })
    const before = edge.stored()
    const now = Date.now()
    const timed = [1, 2].map((value) => JSON.stringify({ value, ts: now + value }))
    await publishInOrder(edge, 'telemetry/f3/t', [future, future, ...timed, ...timed, future])
    expect(edge.stored() - before).toBe(3)
    expect(edge.ledgerProblems()).toEqual([])
  })
})
