import { expect, it } from 'vitest'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { startScript } from '../../support/process.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { startDevice } from './device.ts'
import { accountOf, eachOnce } from './scene.ts'

const COUNT = 500

describePeer('mosquitto', 'a receiver that is killed between its commit and its receipt', () => {
  it.each(['the broker', 'the edge'])('gets the batch again from %s, and stores each reading once', async (from) => {
    const cloud = await startMosquitto()
    const receiver = new SiteReceiver(cloud.url)
    const doomed = startScript('test/receiver/doomed-receiver.ts', [cloud.url, receiver.folder])
    await doomed.waitFor(/connected/)
    const edge = await SiteEdge.create({ uplinks: [{ url: cloud.url, ...QUICK_UPLINK }] })
    await edge.start()
    await startDevice({ port: edge.port, name: 'pump', qos: 1, count: COUNT, timed: true }).finished
    await doomed.exit
    const committed = receiver.count()
    expect(committed).toBeGreaterThan(0)
    expect(edge.waiting()).toBe(COUNT)

    // The broker sends again the messages that it has kept for the receiver; here it loses them.
    if (from === 'the edge') await cloud.restart()
    await receiver.start()
    await edge.untilDrained()
    expect(accountOf(receiver, 'pump')).toEqual(eachOnce(COUNT))
    if (from === 'the edge') {
      expect((await edge.status()).uplinks[0]!.sentReadings).toBeGreaterThanOrEqual(COUNT + committed)
    }
    expect(edge.ledgerProblems()).toEqual([])
    expect(await edge.stop()).toBe(0)
  })
})
