import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openLink } from '../../src/link/open.ts'
import { SiteEdge } from '../../support/site.ts'
import { until } from '../../support/wait.ts'

const BEGIN = Date.UTC(2026, 0, 31)
const COUNT = 200

interface Body {
  readonly readings: readonly { readonly ts: string; readonly value: number; readonly unit: string | null }[]
  readonly buckets: readonly { readonly start: string; readonly readings: number; readonly avg: number }[]
  readonly next?: string
}

describe('the HTTP history of a running edge that seals meanwhile', () => {
  let edge: SiteEdge

  async function get(path: string): Promise<{ readonly status: number; readonly body: Body }> {
    const answer = await fetch(`http://127.0.0.1:${edge.webPort}/api/${path}`)
    return { status: answer.status, body: (await answer.json()) as Body }
  }

  beforeAll(async () => {
    edge = await SiteEdge.create({ store: { sealRows: 64 } })
    await edge.start()
    const url = `mqtt://127.0.0.1:${edge.port}`
    const link = await openLink({ url, clientId: 'press', session: false, keepaliveS: 30, connectTimeoutMs: 5_000 })
    for (let i = 0; i < COUNT; i++) {
      const ts = BEGIN + i * 60_000
      await link.publish('telemetry/press/heat', Buffer.from(JSON.stringify({ value: i, ts })), { qos: 1 })
    }
    await link.publish('telemetry/press/on', Buffer.from('true'), { qos: 1 })
    await link.close()
    await until(() => edge.read((reader) => reader.summary().lastSeq) === COUNT + 1)
  })

  afterAll(async () => {
    expect(await edge.stop()).toBe(0)
  })

  it('comes in answers of limited size, each of which leads to the next', async () => {
    const question = `history?device=press&metric=heat&from=${BEGIN}&to=2026-02-01&limit=70`
    const values: number[] = []
    for (let next = ''; ; ) {
      const { status, body } = await get(`${question}${next}`)
      expect(status).toBe(200)
      expect(body.readings.length).toBeLessThanOrEqual(70)
      values.push(...body.readings.map(({ value }) => value))
      if (body.next === undefined) break
      next = `&next=${encodeURIComponent(body.next)}`
    }
    expect(values).toEqual(Array.from({ length: COUNT }, (_, i) => i))
  })

  it('has figures per interval, the devices and the latest readings', async () => {
    const { body } = await get('history?device=press&metric=heat&from=2026-01-31&to=2026-02-01&every=1h')
    const hours = body.buckets.map(({ start, readings, avg }) => [start.slice(11, 13), readings, avg])
    expect(hours).toEqual([
      ['00', 60, 29.5],
      ['01', 60, 89.5],
      ['02', 60, 149.5],
      ['03', 20, 189.5],
    ])
    expect((await get('devices')).body).toMatchObject({
      truncated: false,
      devices: [
        {
          device: 'press',
          readings: COUNT + 1,
          series: [
            { metric: 'heat', max: COUNT - 1 },
            { metric: 'on', type: 'boolean' },
          ],
        },
      ],
    })
    expect((await get('latest?metric=heat')).body).toMatchObject({ latest: [{ device: 'press', value: COUNT - 1 }] })
    expect((await get('latest')).body).toMatchObject({ latest: [{ metric: 'heat' }, { metric: 'on', value: true }] })
    expect((await get('history?device=press&metric=on')).body).toMatchObject({
      readings: [{ value: true, type: 'boolean' }],
    })
  })

  it.each([
    ['history', 'device is missing'],
    ['history?device=press', 'metric is missing'],
    ['history?device=press&metric=heat&frm=now', 'unknown parameter "frm"; did you mean "from"?'],
    ['history?device=press&metric=heat&metric=on', 'metric is given twice'],
    ['history?device=press&metric=heat&from=soon', 'from "soon" is not a valid time'],
    ['history?device=press&metric=heat&to=99999999999999999', 'to "99999999999999999" is not a valid time'],
    ['history?device=press&metric=heat&from=now&to=-1h', 'from is not before to'],
    ['history?device=press&metric=heat&every=1', 'every "1" is not a valid duration'],
    ['history?device=press&metric=heat&limit=0', 'limit "0" is not a whole number from 1 to 10000'],
    ['history?device=press&metric=heat&limit=10001', 'limit "10001" is not a whole number from 1 to 10000'],
    ['devices?device=press', 'unknown parameter "device"'],
    ['latest?device=K%FChler', 'the URL is not UTF-8'],
    ['latest?device=%ED%A0%80', 'the URL is not UTF-8'],
  ])('refuses %s with 400 and the reason', async (path, error) => {
    expect(await get(path)).toMatchObject({ status: 400, body: { error, remedy: expect.stringMatching(/./) } })
  })

  it('is a 404 for an unknown metric and for an unknown position', async () => {
    const { status, body } = await get('history?device=press&metric=heap')
    expect(status).toBe(404)
    expect(body).toMatchObject({
      error: expect.stringContaining('did you mean "heat"?'),
      remedy: expect.stringMatching(/./),
    })
    expect((await get('history?device=press&metric=heat&next=x')).status).toBe(404)
  })

  it('answers at least 32 concurrent requests, refuses the others with 503, and the edge stays healthy', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => fetch(`http://127.0.0.1:${edge.webPort}/api/devices`)),
    )
    const codes = answers.map(({ status }) => status)
    expect(codes.filter((code) => code === 200).length).toBeGreaterThanOrEqual(32)
    expect(codes.filter((code) => code !== 200 && code !== 503)).toEqual([])
    const refused = answers.filter(({ status }) => status === 503)
    for (const one of refused) expect(one.headers.get('retry-after')).toBe('1')
    expect((await edge.status()).healthy).toBe(true)
  })
})
