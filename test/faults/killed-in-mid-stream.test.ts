import { expect, it } from 'vitest'
import { describePeer } from '../../support/peers.ts'
import { until } from '../../support/wait.ts'
import { startDevice } from './device.ts'
import { accountOf, eachOnce, startScene } from './scene.ts'

const COUNT = 4_000
const KILLS = 4
/** Acknowledgements that are lost before a kill, at most: their readings are stored, and the device repeats them. */
const UNHEARD_MAX = 50

/** Random moments, one in each section of the stream, further apart than the publishes in flight. */
function moments(): number[] {
  const stretch = COUNT / (KILLS + 1)
  return Array.from({ length: KILLS }, (_, i) => Math.floor(stretch * (i + 1) + (Math.random() - 0.5) * 0.8 * stretch))
}

describePeer('mosquitto', 'an edge that is killed repeatedly in the middle of the stream', () => {
  it('loses and duplicates nothing from devices that repeat: QoS 1 by the times of readings, QoS 2 by its identifiers', async () => {
    const { edge, receiver } = await startScene()
    const due = moments()
    let restarted: Promise<void> = Promise.resolve()
    const strike = async (): Promise<void> => {
      await restarted
      for (const { device } of devices) device.deaf = true
      const unheardMin = 1 + Math.floor(Math.random() * UNHEARD_MAX)
      await until(() => devices[1]!.device.unheard >= unheardMin, { what: 'acknowledgements are lost' })
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
