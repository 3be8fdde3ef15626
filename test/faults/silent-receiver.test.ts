import { expect, it } from 'vitest'
import { startMosquitto } from '../../support/mosquitto.ts'
import { startNats } from '../../support/nats.ts'
import { describePeer, type Peer } from '../../support/peers.ts'
import { startRabbitMq } from '../../support/rabbitmq.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { until } from '../../support/wait.ts'
import { startDevice } from './device.ts'
import { accountOf, eachOnce } from './scene.ts'

const COUNT = 50
/** No answer is missed by time: what is sent again is sent because the receiver says that it is back. */
const PATIENT = { ...QUICK_UPLINK, confirmTimeoutMs: 600_000 }

interface CloudBroker {
  readonly url: string
}

const BROKERS: readonly { peer: Peer; start: () => Promise<CloudBroker> }[] = [
  { peer: 'mosquitto', start: startMosquitto },
  { peer: 'rabbitmq', start: startRabbitMq },
  { peer: 'nats', start: startNats },
]

async function startEdge(url: string, more: object = {}): Promise<SiteEdge> {
  const edge = await SiteEdge.create({ uplinks: [{ url, ...PATIENT, ...more }] })
  await edge.start()
  await startDevice({ port: edge.port, name: 'pump', qos: 1, count: COUNT, timed: true }).finished
  return edge
}

for (const { peer, start } of BROKERS) {
  describePeer(peer, `an edge without a receiver, over ${peer}`, () => {
    it('stays connected, says who is missing, and delivers when the receiver is there', async () => {
      const cloud = await start()
      const edge = await startEdge(cloud.url)
      const missing = async (): Promise<boolean> =>
        (await edge.status()).problems.some((problem) => /no receiver (is subscribed|answers)/.test(problem))
      await until(missing, { what: 'the health says so' })
      const receiver = new SiteReceiver(cloud.url)
      await receiver.start()
      await edge.untilDrained()
      expect(accountOf(receiver, 'pump')).toEqual(eachOnce(COUNT))
      const [uplink] = (await edge.status()).uplinks
      expect(uplink).toMatchObject({ connected: true, failures: 0 })
      expect(uplink!.silence).toBeUndefined()

      await receiver.kill()
      await startDevice({ port: edge.port, name: 'away', qos: 1, count: COUNT, timed: true }).finished
      await receiver.start()
      await edge.untilDrained()
      expect(accountOf(receiver, 'away')).toEqual(eachOnce(COUNT))
      expect((await edge.status()).uplinks[0]).toMatchObject({ connected: true, failures: 0 })
    }, 90_000)
  })
}

for (const { peer, start } of BROKERS.filter((one) => one.peer !== 'rabbitmq')) {
  describePeer(peer, `an edge with another prefix than its receiver, over ${peer}`, () => {
    it('names the prefix of the receiver', async () => {
      const cloud = await start()
      await new SiteReceiver(cloud.url, { cloud: { url: cloud.url, prefix: 'north' } }).start()
      const edge = await startEdge(cloud.url, { prefix: 'south' })
      const named = async (): Promise<boolean> =>
        (await edge.status()).problems.some((problem) => problem.includes('with the prefix south, but one with north'))
      await until(named, { what: 'the health names both' })
    }, 60_000)
  })
}
