import { describe, expect, it } from 'vitest'
import { siteForAll } from './field-device.ts'

const ROUTES = ['telemetry/{device}/{metric}', 'telemetry/{device}'].map((topic) => ({ topic }))
/** Work that grows with the square of this length takes longer than the time limit of a test. */
const LONG = 300_000

describe('arrays of gateways, at a running edge', () => {
  const site = siteForAll(ROUTES)

  function account(device: string): Record<string, number> {
    const row = site.edge.read((reader) => reader.ledger()).find((one) => one.device === device)!
    const { received, stored, rejected, partial } = row
    return { received, stored, rejected, partial }
  }

  async function verdicts(device: string, metric: string): Promise<unknown[]> {
    return (await site.readings(device, metric)).map(({ value, quality }) => [value, quality])
  }

  it('keep quality and texts, although they look like SenML', async () => {
    const tags = [
      { n: 'temp', v: 21.5, q: false, t: Date.now() },
      { n: 'door', v: true },
      { n: 'mode', v: 'auto' },
    ]
    await site.publish('telemetry/gw1', tags)
    expect(await verdicts('gw1', 'temp')).toEqual([[21.5, 4]])
    expect(await verdicts('gw1', 'door')).toEqual([[true, 1]])
    expect(await verdicts('gw1', 'mode')).toEqual([['auto', 1]])
    expect(account('gw1')).toEqual({ received: 3, stored: 3, rejected: 0, partial: 0 })
  })

  it('have a series for each tag that has an error instead of a value', async () => {
    const tags = [
      { name: 't0', value: 1 },
      { name: 't1', error: 2014 },
      { name: 't2', error: 3002 },
    ]
    await site.publish('telemetry/gw2', { tags })
    expect(await verdicts('gw2', 'tags.t1.error')).toEqual([[2014, 1]])
    expect(await verdicts('gw2', 'tags.t2.error')).toEqual([[3002, 1]])
  })

  it('have the unit next to them', async () => {
    const value = [20.5, 21].map((v, i) => ({ v, ts: Date.now() - 1_000 + i }))
    await site.publish('telemetry/gw3/temp', { unit: 'Cel', value })
    expect((await site.readings('gw3', 'temp')).map(({ unit }) => unit)).toEqual(['Cel', 'Cel'])
  })

  it('do not block the edge when they are broken and long, and lose no line after empty lines', async () => {
    await site.publish(
      'telemetry/gw4',
      `{"a":1${' '.repeat(LONG)}x`,
      '{"a":1}\n\n\n'.repeat(9_000),
      `{"b":2${' '.repeat(LONG)}}`,
    )
    expect(account('gw4')).toEqual({ received: 9_002, stored: 9_001, rejected: 1, partial: 0 })
  })
})
