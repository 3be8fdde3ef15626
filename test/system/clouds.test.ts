import { describe, expect, it } from 'vitest'
import { openLink } from '../../src/link/open.ts'
import { startNats } from '../../support/nats.ts'
import { describePeer } from '../../support/peers.ts'
import { startRabbitMq } from '../../support/rabbitmq.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'
import { startDevice } from '../faults/device.ts'
import { accountOf, eachOnce } from '../faults/scene.ts'

const COUNT = 1_000
/** The slowest broker takes several seconds to start. */
const TEST_MS = 60_000

/** The retained status of the edge, as a new subscriber gets it; undefined: nothing is retained. */
async function retainedStatus(url: string): Promise<string | undefined> {
  let state: string | undefined
  const link = await openLink({
    url,
    clientId: 'onlooker',
    session: false,
    keepaliveS: 30,
    connectTimeoutMs: 5_000,
    onMessage: (_topic, payload) => {
      state = JSON.parse(Buffer.from(payload).toString()).state
    },
  })
  onStop(() => link.destroy())
  await link.subscribe('tidegate/site/status', 1)
  await until(() => state, { what: 'a retained status', deadlineMs: 2_000 }).catch(() => undefined)
  await link.close()
  return state
}

/** One suite for every broker: the requirements of Tidegate on a cloud broker. */
function keepsThePromises(start: () => Promise<{ readonly url: string }>): void {
  it(
    'delivers every reading once, receipts, and the status of the edge to every subscriber, also after the edge died',
    async () => {
      const { url } = await start()
      const receiver = new SiteReceiver(url)
      const edge = await SiteEdge.create({ uplinks: [{ url, ...QUICK_UPLINK, batchReadingsMax: 100 }] })
      await Promise.all([receiver.start(), edge.start()])
      await startDevice({ port: edge.port, name: 'pump', qos: 1, count: COUNT, timed: true }).finished
      await edge.untilDrained()
      expect(accountOf(receiver, 'pump')).toEqual(eachOnce(COUNT))
      expect(edge.ledgerProblems()).toEqual([])
      await until(async () => (await retainedStatus(url)) === 'online', { what: 'the status of the edge' })
      await edge.kill()
      await until(async () => (await retainedStatus(url)) === 'offline', { what: 'the will of the edge' })
      expect(await receiver.stop()).toBe(0)
    },
    TEST_MS,
  )
}

describe('a cloud broker that speaks MQTT 3.1.1 only', () => {
  describePeer('nats', 'NATS JetStream', () => keepsThePromises(startNats))
  describePeer('rabbitmq', 'RabbitMQ', () => keepsThePromises(startRabbitMq))
})
