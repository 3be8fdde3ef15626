import { expect, it } from 'vitest'
import { tempFolder } from '../../support/folder.ts'
import { describePeer } from '../../support/peers.ts'
import { until } from '../../support/wait.ts'
import { startDevice } from './device.ts'
import { accountOf, eachOnce, startScene } from './scene.ts'

const COUNT = 4_000
const WHILE_AWAY = 300

describePeer('mosquitto', 'a cloud broker that is killed in the middle of the stream', () => {
  it.each([
    { memory: 'forgets everything', persistent: false },
    { memory: 'remembers the state of a second ago', persistent: true },
  ])(
    'and $memory: every reading arrives once, also those that only the broker had',
    async ({ persistent }) => {
      const persistence = persistent ? { persistenceFolder: tempFolder() } : {}
      const { cloud, edge, receiver } = await startScene({ cloud: persistence, uplink: { batchReadingsMax: 100 } })
      const { device, finished } = startDevice({ port: edge.port, name: 'pump', qos: 1, count: COUNT, timed: true })
      await until(() => device.acknowledged >= COUNT / 3, { what: 'a third is acknowledged' })
      await cloud.kill()
      await cloud.restart()
      await finished
      await edge.untilDrained()

      // Now the receiver is away: the broker has acknowledged these batches, and the receiver does not have them.
      await receiver.kill()
      const { sentReadings } = (await edge.status()).uplinks[0]!
      await startDevice({ port: edge.port, name: 'away', qos: 1, count: WHILE_AWAY, timed: true }).finished
      await until(async () => (await edge.status()).uplinks[0]!.sentReadings > sentReadings, {
        what: 'a batch was sent',
      })
      await cloud.kill()
      await Promise.all([cloud.restart(), receiver.start()])
      await edge.untilDrained()
      expect(accountOf(receiver, 'pump')).toEqual(eachOnce(COUNT))
      expect(accountOf(receiver, 'away')).toEqual(eachOnce(WHILE_AWAY))
      expect(edge.ledgerProblems()).toEqual([])
      expect(await edge.stop()).toBe(0)
      await receiver.stop()
    },
    60_000,
  )
})
