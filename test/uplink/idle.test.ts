import { describe, expect, it } from 'vitest'
import { findProblems } from '../../src/edge/status.ts'
import type { Mosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { startProxy, type TcpProxy } from '../../support/proxy.ts'
import { RawClient } from '../../support/raw-client.ts'
import { until } from '../../support/wait.ts'
import { startUplink } from './scene.ts'

const LONG_MS = 60_000

describePeer('mosquitto', 'an uplink with nothing to send', () => {
  it('wakes up when the first reading is stored', async () => {
    const { receiver, store } = await startUplink()
    await receiver.fence()
    expect(receiver.arrived).toEqual([])
    store(1)
    await receiver.untilArrived(1)
  })

  it('delays readings so that a batch can fill up: another reading does not wake it, a full batch does', async () => {
    const { receiver, outbox, store } = await startUplink({ batchReadingsMax: 10 })
    outbox.company = 10
    outbox.waitMs = LONG_MS
    store(1)
    await until(() => outbox.asked >= 2, { what: 'it is asked, and waits' })
    await receiver.fence()
    const { asked } = outbox
    store(1)
    await receiver.fence()
    expect(outbox.asked).toBe(asked)
    store(10)
    await receiver.untilArrived(1)
    expect(receiver.arrived[0]!.range).toEqual({ first: 1, last: 10 })
  })

  it('sends readings that have waited long enough, without a notification', async () => {
    const { receiver, outbox, store } = await startUplink()
    outbox.company = 10
    outbox.waitMs = 100
    store(1)
    await until(() => outbox.asked >= 2, { what: 'it is asked, and waits' })
    outbox.company = 1
    await receiver.untilArrived(1)
  })
})

/** The retained message that a new subscriber of the status topic gets. */
async function retainedStatus(port: number): Promise<{ state: string; backlog?: number }> {
  const client = await RawClient.connect(port, `observer-${Math.random()}`)
  await client.subscribe('tidegate/site/status', 1)
  const packet = await client.next('publish')
  if (packet.cmd !== 'publish' || !packet.retain) throw new Error('the status is not retained')
  client.destroy()
  return JSON.parse(packet.payload.toString()) as { state: string }
}

describePeer('mosquitto', 'the status at the broker', () => {
  it('is retained: online with the report, offline by the will when the connection breaks, online again', async () => {
    let proxy!: TcpProxy
    const via = async ({ port }: Mosquitto): Promise<string> => {
      proxy = await startProxy({ to: port })
      return proxy.url
    }
    const { cloud, uplink } = await startUplink({}, { via })
    const untilStatus = (state: string): Promise<boolean> =>
      until(async () => (await retainedStatus(cloud.port)).state === state, { what: `the status is ${state}` })
    await untilStatus('online')
    expect(await retainedStatus(cloud.port)).toEqual({ state: 'online', backlog: 0 })
    proxy.dial.refuse = true
    proxy.cut()
    await untilStatus('offline')
    proxy.dial.refuse = false
    await untilStatus('online')
    expect(uplink.stats()).toMatchObject({ connected: true })
  })

  it('is offline as soon as the uplink has stopped normally', async () => {
    const { cloud, uplink } = await startUplink()
    await until(async () => (await retainedStatus(cloud.port)).state === 'online')
    await uplink.stop()
    expect(await retainedStatus(cloud.port)).toEqual({ state: 'offline' })
  })
})

describePeer('mosquitto', 'an uplink that is stopped', () => {
  it('still handles the answers to messages in flight, and sends nothing more', async () => {
    const { receiver, outbox, uplink, store } = await startUplink({ window: 1, confirmTimeoutMs: LONG_MS })
    store(20)
    await receiver.untilArrived(1)
    const stopped = uplink.stop()
    await receiver.answer(0)
    await stopped
    expect([...outbox.confirmed]).toEqual([{ first: 1, last: 10 }])
    expect(receiver.arrived).toHaveLength(1)
  })

  it('does not wait for answers forever', async () => {
    const { receiver, outbox, uplink, store } = await startUplink({ confirmTimeoutMs: LONG_MS })
    store(10)
    await receiver.untilArrived(1)
    await uplink.stop()
    expect(outbox.confirmed.count).toBe(0)
  })
})

describe('the health of an uplink', () => {
  const stats = {
    name: 'cloud',
    connected: false,
    protocolVersion: undefined,
    inFlight: 0,
    sentReadings: 0,
    sentBytes: 0,
    confirmedReadings: 0,
    lastConfirmedMs: undefined,
    failures: 3,
    lastFailure: 'no route to host',
    sameId: undefined,
    refused: 0,
    ...{
      window: undefined,
      holds: undefined,
      configProblem: undefined,
      spent: { day: '2026-01-01', dayBytes: 0, month: '2026-01', monthBytes: 0 },
    },
  }
  const backlog = (waiting: number) => [{ uplink: 'cloud', waiting, oldestAt: undefined, confirmed: 0, parked: 0 }]
  const space = { hoursLeft: undefined, whenFull: 'refuse' } as const
  const damage = { now: undefined, past: [] }
  const facts = { refusedBecause: undefined, damage, backup: undefined, uplinks: [stats], upMs: 600_000, space }

  it('is a problem, with the reason, when readings wait and no answer comes for minutes', () => {
    expect(findProblems({ ...facts, backlogs: backlog(7) })).toEqual([expect.stringContaining('no route to host')])
    const answered = { ...stats, lastConfirmedMs: 600_000 }
    expect(findProblems({ ...facts, uplinks: [answered], backlogs: backlog(7) })).toHaveLength(1)
  })

  it('includes the hours until the store is full when these are few', () => {
    const soon = { ...facts, space: { hoursLeft: 2.52, whenFull: 'drop-oldest' } as const }
    expect(findProblems({ ...soon, backlogs: backlog(7) })).toContainEqual(
      'the store has space for 2.5 hours at the current rate; after that the oldest readings are dropped',
    )
    expect(findProblems({ ...soon, upMs: 1_000, backlogs: backlog(7) })).toEqual([])
    const later = { ...facts, space: { hoursLeft: 24, whenFull: 'refuse' } as const }
    expect(findProblems({ ...later, backlogs: backlog(7) })).toHaveLength(1)
  })

  it('is not a problem while nothing waits, or while answers come', () => {
    expect(findProblems({ ...facts, backlogs: backlog(0) })).toEqual([])
    const answered = { ...stats, lastConfirmedMs: 1_000 }
    expect(findProblems({ ...facts, uplinks: [answered], backlogs: backlog(7) })).toEqual([])
    expect(findProblems({ ...facts, upMs: 1_000, backlogs: backlog(7) })).toEqual([])
  })
})
