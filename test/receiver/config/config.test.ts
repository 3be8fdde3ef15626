import { beforeEach, expect, it } from 'vitest'
import { hashOf } from '../../../src/config/canonical.ts'
import { parseRevision, renderRevision } from '../../../src/config/wire.ts'
import { openLink } from '../../../src/link/open.ts'
import { CloudConfig } from '../../../src/receiver/config/cloud-config.ts'
import type { Receiver } from '../../../src/receiver/receiver.ts'
import { SqliteSink } from '../../../src/receiver/sqlite/sqlite-sink.ts'
import { tempFolder } from '../../../support/folder.ts'
import { type Mosquitto, startMosquitto } from '../../../support/mosquitto.ts'
import { describePeer } from '../../../support/peers.ts'
import { startScript } from '../../../support/process.ts'
import { onStop } from '../../../support/started.ts'
import { until } from '../../../support/wait.ts'
import { EDGE } from '../batches.ts'
import { startReceiving } from '../scene.ts'
import { startConfigEdge } from './config-edge.ts'

const PUMP = { edge: EDGE, device: 'pump-1' }
const BY = { by: 'user:test' }

describePeer('mosquitto', 'the cloud side of config sync over Mosquitto', () => {
  let broker: Mosquitto
  let folder: string
  let sink: SqliteSink
  let receiver: Receiver
  let config: CloudConfig
  beforeEach(async () => {
    broker = await startMosquitto()
    folder = tempFolder()
    await start()
  })

  async function start(): Promise<void> {
    sink = SqliteSink.open(folder)
    onStop(() => sink.close())
    config = new CloudConfig({ store: sink.configs })
    receiver = await startReceiving(broker.url, sink)
  }

  const inForce = async () => (await sink.configs.one(PUMP))?.state.cur?.config

  /** The retained message of the desired topic; '' for none. */
  async function retained(): Promise<string> {
    let found = ''
    const link = await openLink({
      url: broker.url,
      clientId: 'looker',
      session: false,
      keepaliveS: 30,
      connectTimeoutMs: 5_000,
      onMessage: (_topic, payload) => {
        found = Buffer.from(payload).toString()
      },
    })
    await link.subscribe(`tidegate/${EDGE}/config/pump-1/desired`, 1)
    await link.publish('fence', Buffer.alloc(0), { qos: 1 }) // retained messages arrive before this is acknowledged
    await link.close()
    return found
  }

  it('delivers a write to the edge, and reports when the device runs it', async () => {
    const edge = await startConfigEdge(broker.url)
    expect(await config.set(PUMP, { speed: 5 }, BY)).toMatchObject({ code: 200, rev: { c: 1 } })
    await until(() => edge.config('pump-1'))
    expect(edge.config('pump-1')).toEqual({ speed: 5 })
    await until(async () => (await sink.configs.one(PUMP))?.reported?.status === 'applied')
    expect(await sink.configs.one(PUMP)).toMatchObject({ reported: { hash: hashOf({ speed: 5 }), code: 200 } })
  })

  it('accepts the proposal of an edge, and acknowledges it with the desired config of the same revision', async () => {
    const edge = await startConfigEdge(broker.url)
    edge.set('pump-1', { speed: 7 })
    await until(() => edge.state('pump-1').base !== null)
    const { cur, base, ring } = edge.state('pump-1')
    expect([base, ring]).toEqual([cur, []])
    expect(await inForce()).toEqual({ speed: 7 })
    expect(await sink.configs.one(PUMP)).toMatchObject({ head: null, counts: { imported: 1 } })
  })

  it('answers an outdated head with the desired config, and records the proposal', async () => {
    const edge = await startConfigEdge(broker.url)
    await config.set(PUMP, { speed: 1 }, BY)
    await until(async () => (await sink.configs.one(PUMP))?.reported?.status === 'applied')
    await until(() => receiver.stats().config?.same === 1) // its head has arrived too
    const stale = edge.state('pump-1').cur!
    await config.set(PUMP, { speed: 2 }, BY)
    await until(() => edge.state('pump-1').base?.rev.c === 2)
    const before = edge.desired.length
    await edge.publish('pump-1', 'head', renderRevision('pump-1', stale))
    await until(() => edge.desired.length > before)
    expect(JSON.parse(edge.desired.at(-1)!.payload)).toMatchObject({ rev: { c: 2 }, config: { speed: 2 } })
    expect(await sink.configs.one(PUMP)).toMatchObject({ counts: { refused: 1 }, head: { rev: { c: 1 } } })
    edge.publishHead('pump-1')
    await until(async () => (await sink.configs.one(PUMP))?.head === null)
  })

  it('merges nothing itself: after edits on both sides while the edge is away, the edge proposes one merged revision', async () => {
    const edge = await startConfigEdge(broker.url)
    await config.set(PUMP, { a: 1, b: 1 }, BY)
    await until(async () => (await sink.configs.one(PUMP))?.reported?.status === 'applied')
    await edge.disconnect()
    edge.set('pump-1', { a: 2 })
    await config.patch(PUMP, { b: 2 }, BY)
    await until(() => receiver.stats().config?.published === 2)
    await edge.connect(broker.url)
    await until(async () => JSON.stringify(await inForce()) === JSON.stringify({ a: 2, b: 2 }))
    await until(() => edge.state('pump-1').ring.length === 0)
    expect(edge.config('pump-1')).toEqual(await inForce())
    expect(parseRevision(await retained(), 'pump-1')).toMatchObject({ value: { rev: edge.state('pump-1').cur!.rev } })
  })

  it('lets a person resolve a collision in favor of the edge, and keeps changes that only the cloud made', async () => {
    const edge = await startConfigEdge(broker.url, { policy: 'manual' })
    await config.set(PUMP, { a: 1, b: 1 }, BY)
    await until(async () => (await sink.configs.one(PUMP))?.reported?.status === 'applied')
    await edge.disconnect()
    edge.set('pump-1', { a: 2 })
    await config.patch(PUMP, { a: 3, b: 3 }, BY)
    await until(() => receiver.stats().config?.published === 2)
    await edge.connect(broker.url)
    const found = await until(async () => (await config.conflicts({ limit: 9 }))[0])
    expect(found).toMatchObject({ ...PUMP, conflict: { status: 'open', paths: [{ path: '/a', edge: 2, cloud: 3 }] } })
    const { cid } = found.conflict!
    expect(await config.resolve(PUMP, '0123456789abcdef', 'edge', BY)).toMatchObject({ code: 409 })
    expect(await config.resolve(PUMP, cid, 'edge', BY)).toMatchObject({ code: 200 })
    await until(() => edge.state('pump-1').conflict === null)
    expect(edge.config('pump-1')).toEqual({ a: 2, b: 3 })
    await until(async () => (await config.conflicts({ limit: 9 })).length === 0)
    await until(() => edge.state('pump-1').ring.length === 0)
    expect(await inForce()).toEqual({ a: 2, b: 3 })
  })

  it('counts a message that it cannot read, and changes nothing else', async () => {
    const edge = await startConfigEdge(broker.url)
    await config.set(PUMP, { speed: 1 }, BY)
    await until(async () => (await sink.configs.one(PUMP))?.reported?.status === 'applied')
    await until(() => edge.state('pump-1').ring.length === 0)
    const { counts: _, ...before } = (await sink.configs.one(PUMP))!
    const head = edge.state('pump-1').cur!
    const bad = [
      '{',
      '[]',
      'x'.repeat(200_000),
      renderRevision('pump-2', head),
      renderRevision('pump-1', { ...head, hash: hashOf({}) }),
      renderRevision('pump-1', head).replace('"speed"', '"__proto__"'),
    ]
    for (const payload of bad) {
      await edge.publish('pump-1', 'head', payload)
      await edge.publish('ghost', 'head', payload === bad[3] ? '{}' : payload)
    }
    for (const what of ['reported', 'conflict'] as const) await edge.publish('pump-1', what, '{"rev":[]}')
    await edge.publish('p'.repeat(129), 'head', renderRevision('pump-1', head))
    const expected = 2 * bad.length + 3
    await until(() => receiver.stats().config?.malformed === expected)
    const { counts, ...after } = (await sink.configs.one(PUMP))!
    expect(after).toEqual(before)
    expect(counts.malformed).toBe(bad.length + 2)
    expect(await sink.configs.list({ limit: 9 })).toHaveLength(1)
    expect(receiver.stats()).toMatchObject({ connected: true, rejected: 0 })
  })

  it('publishes a committed change after a kill -9 between commit and publish', async () => {
    await receiver.stop()
    const doomed = startScript('test/receiver/config/doomed-authority.ts', [broker.url, folder])
    await doomed.waitFor(/connected/)
    const edge = await startConfigEdge(broker.url)
    edge.set('pump-1', { speed: 9 })
    expect(await doomed.exit).toBe(137)
    expect(edge.state('pump-1').base).toBeNull()
    expect(await retained()).toBe('')
    await start()
    expect(await inForce()).toEqual({ speed: 9 })
    await until(() => edge.state('pump-1').base !== null)
    expect(await retained()).toContain('"speed":9')
  })

  it('publishes everything again when the broker has lost its retained messages', async () => {
    await config.set(PUMP, { speed: 1 }, BY)
    await until(() => retained())
    await broker.restart()
    await until(() => retained())
  })
})
