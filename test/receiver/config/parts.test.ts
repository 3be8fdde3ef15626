import { beforeEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../../src/base/log.ts'
import { hashOf } from '../../../src/config/canonical.ts'
import type { Revision } from '../../../src/config/revision.ts'
import { CloudConfig } from '../../../src/receiver/config/cloud-config.ts'
import { CONFIG_LIMITS } from '../../../src/receiver/config/config-store.ts'
import { ConfigIntake } from '../../../src/receiver/config/intake.ts'
import { DesiredPublisher, type PublishConfig } from '../../../src/receiver/config/publisher.ts'
import { isEnabled } from '../../../src/receiver/config/settings.ts'
import { SqliteSink } from '../../../src/receiver/sqlite/sqlite-sink.ts'
import { tempFolder } from '../../../support/folder.ts'
import { onStop } from '../../../support/started.ts'
import { until } from '../../../support/wait.ts'
import { EDGE } from '../batches.ts'
import { settingsFor } from '../scene.ts'

const now = () => 1_700_000_000_000
let store: SqliteSink['configs']

beforeEach(() => {
  const sink = SqliteSink.open(tempFolder())
  onStop(() => sink.close())
  store = sink.configs
})

describe('a config message of an edge', () => {
  const head = (n: number): Revision => {
    const rev = { c: 0, ci: 0, e: n, ei: 'life' }
    return { rev, base: null, hash: hashOf({ n }), config: { n }, hlc: '1-0-x', by: 'user:edge' }
  }
  const message = (device: string, n: number) => {
    return { key: { edge: EDGE, device }, event: { kind: 'head', revision: head(n) } as const }
  }

  it('is accepted for at most `devicesMax` devices, and always for devices already known', async () => {
    const limits = { ...CONFIG_LIMITS, devicesMax: 2 }
    const intake = new ConfigIntake({ store, limits, check: () => [], now, onChange: () => {} })
    await Promise.all(['a', 'b', 'c'].map((device) => intake.take(message(device, 1))))
    await Promise.all(['d', 'a'].map((device) => intake.take(message(device, 2))))
    expect((await store.list({ limit: 9 })).map(({ device, state }) => [device, state.cur?.rev.e])).toEqual([
      ['a', 2],
      ['b', 1],
    ])
    expect(intake.counts).toMatchObject({ imported: 2, accepted: 1, unnoted: 2 })
  })

  it('is processed in order when many arrive in one turn', async () => {
    const intake = new ConfigIntake({ store, limits: CONFIG_LIMITS, check: () => [], now, onChange: () => {} })
    await Promise.all(Array.from({ length: 150 }, (_, n) => intake.take(message('a', n + 1))))
    expect((await store.one({ edge: EDGE, device: 'a' }))?.state.cur?.config).toEqual({ n: 150 })
    expect(intake.counts).toMatchObject({ imported: 1, accepted: 149, refused: 0 })
  })

  it('is not subscribed to on brokers that end the connection over it, unless the settings enable it', () => {
    const { cloud, config } = settingsFor('mqtts://broker.example')
    expect(isEnabled({ cloud, config })).toBe(true)
    expect(isEnabled({ cloud: { ...cloud, preset: 'aws-iot-core' }, config })).toBe(false)
    expect(isEnabled({ cloud: { ...cloud, preset: 'aws-iot-core' }, config: { ...config, enabled: true } })).toBe(true)
  })
})

describe('a desired config of the cloud', () => {
  let publisher: DesiredPublisher
  let sent: string[]
  const to =
    (code: (topic: string) => number): PublishConfig =>
    async (topic) => {
      sent.push(topic.split('/')[3]!)
      return code(topic)
    }

  beforeEach(async () => {
    sent = []
    const config = new CloudConfig({ store, now })
    for (const device of ['a', 'b']) await config.set({ edge: EDGE, device }, {}, { by: 'user:test' })
    publisher = new DesiredPublisher({ store, prefix: 'tidegate', log: silentLog, now })
    const stop = new AbortController()
    const running = publisher.run(stop.signal)
    onStop(() => {
      stop.abort()
      return running
    })
  })

  it('is published at once over the next connection when the previous one ended during publishing', async () => {
    publisher.over(async () => {
      sent.push('lost')
      throw new Error('the link is lost')
    })
    await until(() => sent.length >= 2)
    publisher.over(undefined)
    publisher.over(to(() => 0))
    await until(() => publisher.counts.published === 2)
    expect(sent.slice(-2).sort()).toEqual(['a', 'b'])
  })

  it('reaches the other devices when the broker refuses it for one', async () => {
    publisher.over(to((topic) => (topic.includes('/a/') ? 0x87 : 0)))
    await until(() => sent.includes('b'))
    await until(() => publisher.counts.published === 1)
    expect(publisher.counts).toEqual({ published: 1, refused: 1 })
    expect((await store.claim(now() + 60_000, 9)).map(({ device }) => device)).toEqual(['a'])
  })
})
