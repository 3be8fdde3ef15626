import { join } from 'node:path'
import { expect, it } from 'vitest'
import { SqliteSink } from '../../src/receiver/sqlite/sqlite-sink.ts'
import { tempFolder } from '../../support/folder.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { RawClient } from '../../support/raw-client.ts'
import { QUICK_UPLINK, SiteEdge } from '../../support/site.ts'
import { until } from '../../support/wait.ts'
import { startReceiving } from '../receiver/scene.ts'

const ROUTES = [{ topic: 'telemetry/{device}/{metric}' }]

async function startEdge(url: string, uplink: object = {}): Promise<{ edge: SiteEdge; device: RawClient }> {
  const edge = await SiteEdge.create({ routes: ROUTES, uplinks: [{ name: 'cloud', url, ...QUICK_UPLINK, ...uplink }] })
  await edge.start()
  return { edge, device: await RawClient.connect(edge.port, 'device') }
}

describePeer('mosquitto', 'a copy of an edge with the same name', () => {
  it('is in the health of the edge while both use the same client id', async () => {
    const cloud = await startMosquitto()
    const { edge } = await startEdge(cloud.url)
    const { edge: copy } = await startEdge(cloud.url)
    await until(async () => (await edge.status()).uplinks[0]!.sameId !== undefined, {
      what: 'both are disconnected in turn',
    })
    const { problems } = await edge.status()
    expect(
      problems.some((problem) => /another client (uses|seems to use) the client id of this edge/.test(problem)),
    ).toBe(true)
    await copy.stop()
  })

  it('is in the counters of the receiver while each has a client id of its own', async () => {
    const cloud = await startMosquitto()
    const sink = SqliteSink.open(join(tempFolder(), 'received'))
    const receiver = await startReceiving(cloud.url, sink)
    const both = await Promise.all(['one', 'two'].map((clientId) => startEdge(cloud.url, { clientId })))
    let sent = 0
    await until(
      async () => {
        for (const { device } of both) {
          device.publish('telemetry/press/force', `${++sent}`, { qos: 1, messageId: sent })
          await device.next('puback')
        }
        return receiver.stats().copied.includes('site')
      },
      { what: 'the receiver names the edge' },
    )
  })
})
