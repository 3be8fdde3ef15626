import type { Sink } from '../../src/receiver/sink.ts'
import { describeConfigs } from '../contracts/configs.ts'
import { describePeer } from '../support/peers.ts'
import { openSink } from './postgres-scene.ts'

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
