import { expect, it } from 'vitest'
import { pause } from '../../src/base/clock.ts'
import { describePeer } from '../../support/peers.ts'
import { startDevice } from './device.ts'
import { accountOf, eachOnce, startScene } from './scene.ts'

const COUNT = 4_000
const KILLS = 4
/** So long before the kill, at most, acknowledgements are lost: what they spoke of is stored, and is repeated. */
const DEAF_MS_MAX = 20

/** Random moments, one in each stretch of the stream, further apart than what is on its way at once. */
function moments(): number[] {
  const stretch = COUNT / (KILLS + 1)
  return Array.from({ length: KILLS }, (_, i) => Math.floor(stretch * (i + 1) + (Math.random() - 0.5) * 0.8 * stretch))
}

describePeer('mosquitto', 'an edge that is killed in mid-stream, again and again', () => {
  it('loses and doubles nothing of devices that repeat: QoS 1 by their times, QoS 2 by its identifiers', async () => {
    const { edge, receiver } = await startScene()
    const due = moments()
    let restarted: Promise<void> = Promise.resolve()
    const strike = async (): Promise<void> => {
      await restarted
      for (const { device } of devices) device.deaf = true
      await pause(Math.random() * DEAF_MS_MAX)
      await edge.kill()
      await edge.start()
    }
    const strikeWhenDue = (count: number): void => {
      if (count !== due[0]) return
      due.shift()
      restarted = strike()
    }
    const devices = [
      startDevice({ port: edge.port, name: 'once', qos: 2, count: COUNT, timed: false }),
      startDevice({ port: edge.port, name: 'timed', qos: 1, count: COUNT, timed: true, onAcknowledged: strikeWhenDue }),
    ]
    await Promise.all(devices.map(({ finished }) => finished))
    await restarted
    expect(due).toEqual([])
    await edge.untilDrained()
    expect(accountOf(receiver, 'timed')).toEqual(eachOnce(COUNT))
    expect(accountOf(receiver, 'once')).toEqual(eachOnce(COUNT))
    expect(edge.ledgerProblems()).toEqual([])
    expect(await edge.stop()).toBe(0)
  }, 60_000)
})
