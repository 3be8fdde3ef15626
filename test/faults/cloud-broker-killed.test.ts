import { expect, it } from 'vitest'
import { tempFolder } from '../support/folder.ts'
import { describePeer } from '../support/peers.ts'
import { until } from '../support/wait.ts'
import { startDevice } from './device.ts'
import { accountOf, eachOnce, startScene } from './scene.ts'

const COUNT = 6_000
const KILLS = 2

describePeer('mosquitto', 'a cloud broker that is killed in mid-stream', () => {
  it.each([
    { memory: 'forgets everything', persistent: false },
    { memory: 'remembers the state of a second ago', persistent: true },
  ])('and $memory: every reading arrives once', async ({ persistent }) => {
    const persistence = persistent ? { persistenceFolder: tempFolder() } : {}
    const { cloud, edge, receiver } = await startScene({ cloud: persistence, uplink: { batchReadingsMax: 100 } })
    const { device, finished } = startDevice({ port: edge.port, name: 'pump', qos: 1, count: COUNT, timed: true })
    for (let kill = 1; kill <= KILLS; kill++) {
      const due = (COUNT * kill) / (KILLS + 1)
      await until(() => device.acknowledged >= due && receiver.count() >= due / 2, { what: `${due} readings are on disk` })
      await cloud.kill()
      await cloud.restart()
    }
    await finished
    await edge.untilDrained()
    expect(accountOf(receiver, 'pump')).toEqual(eachOnce(COUNT))
    expect(edge.ledgerProblems()).toEqual([])
    expect(await edge.stop()).toBe(0)
    await receiver.stop()
  }, 60_000)
})
