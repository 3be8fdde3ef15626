import { expect, it } from 'vitest'
import { describePeer } from '../../support/peers.ts'
import { until } from '../../support/wait.ts'
import { startDevice } from './device.ts'
import { accountOf, eachOnce, startScene } from './scene.ts'

const COUNT = 6_000
const KILLS = 2

describePeer('mosquitto', 'an edge and its receiver that are killed at once', () => {
  it('recover without intervention, and every reading arrives once', async () => {
    const { edge, receiver } = await startScene({ uplink: { batchReadingsMax: 100 } })
    const { device, finished } = startDevice({ port: edge.port, name: 'pump', qos: 1, count: COUNT, timed: true })
    for (let kill = 1; kill <= KILLS; kill++) {
      const due = (COUNT * kill) / (KILLS + 1)
      await until(() => device.acknowledged >= due, { what: `${due} readings are acknowledged` })
      await Promise.all([edge.kill(), receiver.kill()])
      await Promise.all([edge.start(), receiver.start()])
    }
    await finished
    await edge.untilDrained()
    expect(accountOf(receiver, 'pump')).toEqual(eachOnce(COUNT))
    expect(edge.ledgerProblems()).toEqual([])
    expect(await edge.stop()).toBe(0)
  }, 60_000)
})
