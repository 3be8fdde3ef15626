import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { decodeReceiverStatus, type ReceiverStatus } from '../../src/codec/receiver-status.ts'
import { openLink } from '../../src/link/open.ts'
import type { Receiver } from '../../src/receiver/receiver.ts'
import { SqliteSink } from '../../src/receiver/sqlite/sqlite-sink.ts'
import { tempFolder } from '../../support/folder.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { startProxy } from '../../support/proxy.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'
import { encoded, readings } from './batches.ts'
import { settingsFor, startEdge, startReceiving } from './scene.ts'

interface Seen extends ReceiverStatus {
  readonly retained: boolean
}

/** What an edge sees of the status of the receivers, in order. */
async function watch(url: string): Promise<Seen[]> {
  const seen: Seen[] = []
  const link = await openLink({
    url,
    clientId: `watcher-${Math.random()}`,
    session: false,
    keepaliveS: 30,
    connectTimeoutMs: 5_000,
    onMessage: (_topic, payload, { retained }) => void seen.push({ ...decodeReceiverStatus(payload)!, retained }),
  })
  onStop(() => link.close())
  await link.subscribe('tidegate/$receiver', 0)
  return seen
}

/** The status that a new edge sees. */
async function retained(url: string): Promise<Seen> {
  const seen = await watch(url)
  await until(() => seen.length > 0)
  return seen[0]!
}

function receive(url: string, clientId: string): Promise<Receiver> {
  const { cloud } = settingsFor(url)
  return startReceiving(url, SqliteSink.open(tempFolder()), { cloud: { ...cloud, clientId } })
}

describePeer('mosquitto', 'the status of the receivers', () => {
  it('says that one is there after it has subscribed, and that it is gone after a normal stop', async () => {
    const cloud = await startMosquitto()
    const seen = await watch(cloud.url)
    const receiver = await receive(cloud.url, 'first')
    await until(() => seen.length === 1)
    expect(seen[0]).toEqual({ state: 'online', receiver: 'first', kept: false, retained: false })
    await receiver.stop()
    expect(await retained(cloud.url)).toMatchObject({ state: 'offline', receiver: 'first', retained: true })
  })

  it('says whether the broker kept the batches, when the receiver comes back after a broken connection', async () => {
    const cloud = await startMosquitto()
    const seen = await watch(cloud.url)
    const proxy = await startProxy({ to: cloud.port })
    await receive(proxy.url, 'first')
    proxy.cut()
    await until(() => seen.length === 3)
    expect(seen.map(({ state, kept }) => [state, kept])).toEqual([
      ['online', false],
      ['offline', false],
      ['online', true],
    ])
  })

  it('is corrected by a receiver that is there when another one has gone', async () => {
    const cloud = await startMosquitto()
    await receive(cloud.url, 'first')
    const second = await receive(cloud.url, 'second')
    const seen = await watch(cloud.url)
    await second.stop()
    await until(() => seen.at(-1)?.receiver === 'first')
    expect(seen.at(-1)).toMatchObject({ state: 'online', kept: true })
    expect(await retained(cloud.url)).toMatchObject({ state: 'online', receiver: 'first' })
  })

  it('is not needed: with access rules that forbid it, batches are stored and answered', async () => {
    const acl = join(tempFolder(), 'acl')
    const rules = [
      'topic readwrite tidegate/+/up/#',
      'topic readwrite tidegate/+/down/#',
      'topic read tidegate/+/status',
    ]
    writeFileSync(acl, rules.join('\n'), { mode: 0o700 })
    const cloud = await startMosquitto({ config: `acl_file ${acl}` })
    const receiver = await receive(cloud.url, 'first')
    const edge = await startEdge(cloud.url)
    await edge.send('live', encoded(readings(1, 5)))
    await edge.received(1)
    expect(receiver.stats()).toMatchObject({ connected: true, trouble: undefined })
  })
})
