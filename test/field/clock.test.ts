import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { MovableClock } from '../../support/faketime.ts'
import { tempFolder } from '../../support/folder.ts'
import { describePeer, peers } from '../../support/peers.ts'
import { RawClient } from '../../support/raw-client.ts'
import { SiteEdge } from '../../support/site.ts'
import { until } from '../../support/wait.ts'

const HOUR_S = 3_600

async function publish(edge: SiteEdge, value: number): Promise<void> {
  const client = await RawClient.connect(edge.port, 'heater')
  client.publish('telemetry/h/t', String(value), { qos: 1, messageId: 1 })
  await client.next('puback')
  client.destroy()
}

interface Point {
  readonly value: number
  readonly quality: number
  readonly reasons: string
}

async function history(edge: SiteEdge): Promise<Point[]> {
  const answer = await fetch(`http://127.0.0.1:${edge.webPort}/api/history?device=h&metric=t&from=1970-01-01`)
  const { readings } = (await answer.json()) as { readings: Point[] }
  return readings.toSorted((a, b) => a.value - b.value)
}

const isSynchronised = async (edge: SiteEdge): Promise<boolean> =>
  (await edge.status()).store.clock.synchronised === true

describePeer('faketime', 'a machine whose clock starts at the time of its last stop', () => {
  it('flags readings until the system says that its clock is synchronised, and reports that', async () => {
    const clock = new MovableClock(peers.faketime!)
    const syncedFile = join(tempFolder(), 'synchronized')
    const edge = await SiteEdge.create({ clock: { syncedFile } })
    writeFileSync(syncedFile, '')
    await edge.start(clock.env)
    await publish(edge, 1)
    expect((await edge.status()).problems).toEqual([])
    expect(await edge.stop()).toBe(0)

    const unsynced = join(tempFolder(), 'synchronized')
    clock.shift(-3 * HOUR_S)
    await edge.start({ ...clock.env, TIDEGATE_CLOCK__SYNCED_FILE: unsynced })
    await publish(edge, 2)
    expect((await edge.status()).problems.join()).toContain('is not synchronised')
    clock.shift(0)
    writeFileSync(unsynced, '')
    await until(() => isSynchronised(edge), { deadlineMs: 30_000, what: 'the clock is synchronised' })
    await until(async () => (await edge.status()).store.clock.trusted, { deadlineMs: 60_000, what: 'it is believed' })
    await publish(edge, 3)
    const [first, second, third] = await history(edge)
    expect([first, third]).toEqual([1, 3].map((value) => expect.objectContaining({ value, quality: 1 })))
    expect(second).toMatchObject({ value: 2, quality: 3 })
    expect(second!.reasons).toContain('CLOCK_UNSYNCED')
    expect(await edge.stop()).toBe(0)
  })
})

describePeer('faketime', 'a new edge whose clock shows the year 2000', () => {
  it('reports how to set the clock, and readings are good once it is set', async () => {
    const clock = new MovableClock(peers.faketime!)
    const edge = await SiteEdge.create()
    clock.shift(Math.round((Date.UTC(2000, 0, 2) - Date.now()) / 1_000))
    await edge.start({ ...clock.env, PATH: tempFolder() })
    await publish(edge, 1)
    expect((await edge.status()).problems.join()).toMatch(/shows 2000-01-02: .*`sudo timedatectl set-ntp true`/)
    clock.shift(0)
    await until(async () => (await edge.status()).problems.length === 0, { deadlineMs: 30_000, what: 'no problem' })
    await publish(edge, 2)
    const [first, second] = await history(edge)
    expect(first).toMatchObject({ value: 1, quality: 3 })
    expect(first!.reasons).toContain('CLOCK_UNSYNCED')
    expect(second).toMatchObject({ value: 2, quality: 1, reasons: '' })
    expect(await edge.stop()).toBe(0)
  })
})

describe('a container whose clock is not known to be synchronised', () => {
  it('is not a problem, and its readings are good', async () => {
    const edge = await SiteEdge.create()
    await edge.start({ PATH: tempFolder() })
    await publish(edge, 1)
    const { problems, store } = await edge.status()
    expect(problems).toEqual([])
    expect(store.clock.trusted).toBe(true)
    expect(store.clock.synchronised).toBeUndefined()
    expect(await edge.stop()).toBe(0)
  })
})
