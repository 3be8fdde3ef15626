import { expect, it } from 'vitest'
import { formatRev } from '../../../src/config/revision.ts'
import { CloudConfig } from '../../../src/receiver/config/cloud-config.ts'
import type { Sink } from '../../../src/receiver/sink.ts'
import { startMosquitto } from '../../../support/mosquitto.ts'
import { describePeer } from '../../../support/peers.ts'
import { until } from '../../../support/wait.ts'
import { startConfigEdge } from '../config/config-edge.ts'
import { describeConfigs } from '../contracts/configs.ts'
import { settingsFor, startReceiving } from '../scene.ts'
import { openSink } from './scene.ts'

describePeer('postgres', 'configs in PostgreSQL', () => {
  const schemas = new Map<Sink, string>()
  describeConfigs(
    'PostgreSQL',
    async () => {
      const { sink, schema } = await openSink()
      schemas.set(sink, schema)
      return sink
    },
    async (sink) => (await openSink({ schema: schemas.get(sink)! })).sink,
  )
})

describePeer('postgres', 'two receivers on one PostgreSQL', () => {
  it('take heads and write at the same time, and the broker retains the end of a single line of revisions', async () => {
    const broker = await startMosquitto()
    const { sink, schema } = await openSink()
    const other = (await openSink({ schema })).sink
    for (const [i, one] of [sink, other].entries()) {
      const { cloud } = settingsFor(broker.url)
      await startReceiving(broker.url, one, { cloud: { ...cloud, clientId: `receiver-${i}` } })
    }
    const edge = await startConfigEdge(broker.url)
    const writers = [sink, other].map(({ configs }) => new CloudConfig({ store: configs }))
    const key = { edge: edge.edge, device: 'pump-1' }
    await writers[0]!.set(key, {}, { by: 'user:test' })
    await until(() => edge.config('pump-1'))
    for (let n = 0; n < 5; n++) {
      edge.set('pump-1', { [`edge${n}`]: n })
      await Promise.all(writers.map((one, i) => one.patch(key, { [`cloud${i}`]: n }, { by: `user:${i}` })))
    }
    const settled = async () => {
      const [cur, mine] = [(await sink.configs.one(key))?.state.cur, edge.state('pump-1')]
      const same = mine.ring.length === 0 && mine.cur?.hash === cur?.hash && mine.base?.hash === cur?.hash
      return same ? cur : undefined
    }
    const cur = await until(settled)
    expect(cur).toMatchObject({ config: { cloud0: 4, cloud1: 4, edge0: 0, edge4: 4 } })
    const names = (await other.configs.revisions(key)).map(({ revision }) => formatRev(revision.rev))
    expect(new Set(names).size).toBe(names.length)
    expect(edge.state('pump-1').conflict).toBeNull()
    await until(() => edge.desired.at(-1)?.payload.includes(cur.hash))
  })
})
