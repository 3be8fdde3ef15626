import { expect, it } from 'vitest'
import { describePeer } from '../support/peers.ts'
import { startDevice } from './device.ts'
import { accountOf, eachOnce, startScene } from './scene.ts'

const COUNT = 4_000
const KILLS = 4

/** Random moments, one in each stretch of the stream. */
function moments(): number[] {
  const stretch = COUNT / (KILLS + 1)
  return Array.from({ length: KILLS }, (_, i) => Math.floor(stretch * (i + 1) + (Math.random() - 0.5) * stretch))
}

describePeer('mosquitto', 'an edge that is killed in mid-stream, again and again', () => {
  it('loses and doubles nothing of devices that repeat: QoS 1 by their times, QoS 2 by its identifiers', async () => {
    const { edge, receiver } = await startScene()
    const due = moments()
    let restarted: Promise<void> = Promise.resolve()
    const killWhenDue = (count: number): void => {
      if (count !== due[0]) return
      due.shift()
      edge.process.kill('SIGKILL')
      restarted = edge.process.exit.then(() => edge.start())
    }
    const devices = [
      startDevice({ port: edge.port, name: 'once', qos: 2, count: COUNT, timed: false }),
      startDevice({ port: edge.port, name: 'timed', qos: 1, count: COUNT, timed: true, onAcknowledged: killWhenDue }),
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
