import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { encodeReceiverStatus, type ReceiverStatus } from '../../src/codec/receiver-status.ts'
import { openLink } from '../../src/link/open.ts'
import { tempFolder } from '../../support/folder.ts'
import type { Mosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'
import { startUplink } from './scene.ts'

const LONG_MS = 600_000

/** A line of mosquitto.conf for these access rules, which apply to every client. */
function aclFile(rules: readonly string[]): string {
  const file = join(tempFolder(), 'acl')
  writeFileSync(file, rules.join('\n'), { mode: 0o700 })
  return `acl_file ${file}`
}

/** Publishes the status of a receiver, retained. */
async function announce(cloud: Mosquitto, prefix: string, status: Partial<ReceiverStatus> = {}): Promise<void> {
  const id = `announcer-${Math.random()}`
  const link = await openLink({ url: cloud.url, clientId: id, session: false, keepaliveS: 30, connectTimeoutMs: 5_000 })
  onStop(() => link.close())
  const payload = encodeReceiverStatus({ state: 'online', receiver: 'far-end', kept: false, ...status })
  await link.publish(`${prefix}/$receiver`, payload, { qos: 1, retain: true })
}

describePeer('mosquitto', 'a receiver that comes back', () => {
  it('gets again what it may have lost, long before the confirm timeout, over the same connection', async () => {
    const { cloud, receiver, uplink, store } = await startUplink({ confirmTimeoutMs: LONG_MS })
    store(10)
    await receiver.untilArrived(1)
    await announce(cloud, 'tidegate')
    await receiver.untilArrived(2)
    expect(receiver.arrived[1]!.range).toEqual(receiver.arrived[0]!.range)
    expect(uplink.stats()).toMatchObject({ connected: true, failures: 0 })
  })

  it('does not get again what the broker kept for it', async () => {
    const { cloud, receiver, uplink, store } = await startUplink({ confirmTimeoutMs: LONG_MS })
    store(10)
    await receiver.untilArrived(1)
    await announce(cloud, 'tidegate', { kept: true })
    await receiver.answer(0)
    await until(() => uplink.stats().confirmedReadings === 10)
    expect(receiver.arrived).toHaveLength(1)
  })

  it('gets what had no subscriber before', async () => {
    const { cloud, receiver, uplink, store } = await startUplink({ confirmTimeoutMs: LONG_MS })
    await receiver.leave()
    store(10)
    await until(() => uplink.stats().silence?.includes('no receiver is subscribed'))
    expect(uplink.stats()).toMatchObject({ connected: true, failures: 0, inFlight: 0 })
    await receiver.join()
    await announce(cloud, 'tidegate')
    await receiver.untilArrived(1)
  })
})

describePeer('mosquitto', 'an uplink without an answer', () => {
  it('names the other prefix under which a receiver is online', async () => {
    const { cloud, receiver, uplink, store } = await startUplink()
    await receiver.leave()
    await announce(cloud, 'plant/north')
    store(10)
    await until(() => uplink.stats().silence?.includes('plant/north'))
  })

  it('says that the receiver is gone when that has left its status', async () => {
    const { cloud, receiver, uplink, store } = await startUplink()
    await receiver.leave()
    await announce(cloud, 'tidegate', { state: 'offline' })
    store(10)
    await until(() => uplink.stats().silence?.includes('far-end is not connected'))
  })

  it('names the topic that the broker forbids, and keeps the connection', async () => {
    const config = aclFile(['topic readwrite fence', 'topic read tidegate/#', 'topic write tidegate/site/status'])
    const { uplink, outbox, store } = await startUplink({}, { config })
    store(10)
    await until(() => uplink.stats().silence?.includes('does not allow this edge to publish tidegate/site/up/live'))
    expect(uplink.stats()).toMatchObject({ connected: true, failures: 0 })
    expect(outbox.refused).toEqual([])
  })

  it('names the status topic when the broker forbids that', async () => {
    const config = aclFile(['topic readwrite fence', 'topic read tidegate/#', 'topic write tidegate/site/up/#'])
    const { uplink } = await startUplink({}, { config })
    await until(() => uplink.stats().statusProblem?.includes('tidegate/site/status'))
  })

  it.each([
    { whose: 'the edge may not read', denies: ['topic write tidegate/#', 'topic read tidegate/site/up/#'] },
    { whose: 'the receiver may not publish', denies: ['topic read tidegate/#', 'topic write tidegate/site/up/#'] },
  ])(
    'names the topic of the receipts that $whose, although the broker drops them without an answer',
    async ({ denies }) => {
      const config = aclFile(['topic readwrite fence', 'topic readwrite tidegate/$receiver', ...denies])
      const { cloud, receiver, uplink, store } = await startUplink({ confirmTimeoutMs: 300 }, { config })
      await announce(cloud, 'tidegate')
      store(10)
      await receiver.untilArrived(1)
      await receiver.answer(0).catch(() => undefined)
      await until(() => uplink.stats().silence?.includes('no receipt arrives at tidegate/site/down/receipt'))
      expect(uplink.stats()).toMatchObject({ connected: true, failures: 0, confirmedReadings: 0 })
    },
  )
})
