import { expect, it } from 'vitest'
import { pause } from '../../src/base/clock.ts'
import { Reason } from '../../src/base/flags.ts'
import { MovableClock } from '../../support/faketime.ts'
import { describePeer, peers } from '../../support/peers.ts'
import { runTidegate } from '../../support/process.ts'
import { RawClient } from '../../support/raw-client.ts'
import type { ReceivedReading, SiteEdge } from '../../support/site.ts'
import { until } from '../../support/wait.ts'
import { startScene } from './scene.ts'

const DAY_S = 86_400
const quality = [{ match: '*/*', futureS: 300, staleS: 3_600 }]
/** Neither the linger time nor a clock jump delays a reading on its way to the receiver by more than this (ms). */
const DELIVERED_MS_MAX = 5_000

/** Publishes a reading without a time and one with the true time. */
async function publishBoth(edge: SiteEdge): Promise<void> {
  const before = edge.stored()
  const client = await RawClient.connect(edge.port, 'pump')
  client.publish('telemetry/pump/untimed', `${before + 1}`, { qos: 1, messageId: 1 })
  await client.next('puback')
  client.publish('telemetry/pump/timed', `{"value":${before + 2},"ts":${Date.now()}}`, { qos: 1, messageId: 2 })
  await client.next('puback')
  client.destroy()
}

/** Never -0, because toEqual distinguishes it from 0. */
const daysFromNow = (ts: number): number => Math.round((ts - Date.now()) / (DAY_S * 1_000)) + 0

const TIME_FLAGS = Reason.CLOCK_UNSYNCED | Reason.TIME_FUTURE | Reason.TIME_STALE | Reason.TIME_BACKWARD

/** The reasons that concern time, and the distance of the reading's time from the true one in days. */
const summary = ({ metric, quality, reasons, ts }: ReceivedReading) => ({
  metric,
  quality,
  reasons: reasons & TIME_FLAGS,
  days: daysFromNow(ts),
})

describePeer('faketime', 'a clock of the edge that jumps', () => {
  it('removes nothing, although a rule covers everything that is confirmed, and is a problem until it is settled', async () => {
    const clock = new MovableClock(peers.faketime!)
    const store = { sealAgeMs: 1_000, retention: [{ match: '*/*', rawDays: 30 }] }
    const { edge } = await startScene({ edge: { store } })
    expect(await edge.stop()).toBe(0)
    await edge.start(clock.env)
    for (let i = 0; i < 20; i++) await publishBoth(edge)
    await edge.untilDrained()
    const sealed = async (): Promise<number> => (await edge.status()).store.space.sealedReadings
    await until(async () => (await sealed()) === 40, { deadlineMs: 60_000, what: 'all readings are sealed' })

    clock.shift(3_652 * DAY_S)
    await until(async () => (await edge.status()).store.clock.step !== undefined, {
      deadlineMs: 30_000,
      what: 'a step',
    })
    expect((await edge.status()).problems.join()).toContain('set forward by 3652 d')
    await publishBoth(edge)
    clock.shift(0)
    const isOver = async (): Promise<boolean> => (await edge.status()).store.clock.step?.endedAt !== undefined
    await until(isOver, { deadlineMs: 30_000, what: 'the step is over' })
    const { healthy, store: state } = await edge.status()
    expect(healthy).toBe(false)
    expect(state.space.sealedReadings).toBeGreaterThanOrEqual(40)
    expect(edge.ledgerProblems()).toEqual([])

    expect((await runTidegate(['clock', 'reject', '-s', edge.settingsFile])).code).toBe(0)
    await until(async () => (await edge.status()).healthy, { what: 'the operator has seen it' })
    expect(await edge.stop()).toBe(0)
  })

  it('reports a step that lasts for a second, although nothing arrives meanwhile', async () => {
    const clock = new MovableClock(peers.faketime!)
    const { edge } = await startScene({})
    expect(await edge.stop()).toBe(0)
    await edge.start(clock.env)
    clock.shift(3_652 * DAY_S)
    await pause(1_000)
    clock.shift(0)
    const isOver = async (): Promise<boolean> => (await edge.status()).store.clock.step?.endedAt !== undefined
    await until(isOver, { deadlineMs: 5_000, what: 'the step is reported, and over' })
    expect((await edge.status()).problems.join()).toContain('set forward by 3652 d')
    expect(await edge.stop()).toBe(0)
  })

  it('sets flags while it is wrong, and causes no gap, no loss, and no delivery that waits for the right time', async () => {
    const clock = new MovableClock(peers.faketime!)
    const { edge, receiver } = await startScene({ edge: { quality }, uplink: { lingerMs: 300 } })
    expect(await edge.stop()).toBe(0)
    await edge.start(clock.env)
    // Each jump happens while the readings before it linger.
    for (const nextShiftS of [DAY_S, 0, -DAY_S, 0]) {
      await publishBoth(edge)
      clock.shift(nextShiftS)
      await edge.untilDrained(DELIVERED_MS_MAX)
    }
    expect(await edge.stop()).toBe(0)

    clock.shift(-Math.floor(Date.now() / 1_000) + 60)
    await edge.start(clock.env)
    await publishBoth(edge)
    clock.shift(0)
    await publishBoth(edge)
    await edge.untilDrained(DELIVERED_MS_MAX)
    // The step that is over is still a problem; nothing else is.
    await until(async () => (await edge.status()).problems.length <= 1)
    expect((await edge.status()).store.clock).toMatchObject({ trusted: true, holdsRemoval: false })

    const received = receiver.readings()
    expect(received.map(({ seq, value }) => [seq, value])).toEqual(received.map((_, i) => [i + 1, i + 1]))
    const days1970 = daysFromNow(60_000)
    const { CLOCK_UNSYNCED } = Reason
    expect(received.map(summary)).toEqual([
      { metric: 'untimed', quality: 1, reasons: 0, days: 0 },
      { metric: 'timed', quality: 1, reasons: 0, days: 0 },
      // One day ahead: the clock is not believed.
      { metric: 'untimed', quality: 3, reasons: CLOCK_UNSYNCED, days: 1 },
      { metric: 'timed', quality: 3, reasons: CLOCK_UNSYNCED, days: 0 },
      // Correct again: the times of the previous readings prove wrong, so going backward is not flagged.
      { metric: 'untimed', quality: 1, reasons: 0, days: 0 },
      { metric: 'timed', quality: 1, reasons: 0, days: 0 },
      // One day behind: the same. The clock was set back, so the times before prove nothing.
      { metric: 'untimed', quality: 3, reasons: CLOCK_UNSYNCED, days: -1 },
      { metric: 'timed', quality: 3, reasons: CLOCK_UNSYNCED, days: 0 },
      // Started in 1970, before the newest stored reading: no time is reliable.
      { metric: 'untimed', quality: 3, reasons: CLOCK_UNSYNCED, days: days1970 },
      { metric: 'timed', quality: 3, reasons: CLOCK_UNSYNCED, days: 0 },
      // The correct time has arrived from the network.
      { metric: 'untimed', quality: 1, reasons: 0, days: 0 },
      { metric: 'timed', quality: 1, reasons: 0, days: 0 },
    ])
    expect(edge.ledgerProblems()).toEqual([])
    expect(await edge.stop()).toBe(0)
  })
})
