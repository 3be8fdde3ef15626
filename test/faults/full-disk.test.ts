import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { peers } from '../../support/peers.ts'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { canMount, SmallDisk } from '../../support/small-disk.ts'
import { until } from '../../support/wait.ts'
import { startDevice } from './device.ts'
import { accountOf, eachOnce, startScene } from './scene.ts'

const DISK_MIB = 12
const COUNT = 300
/**
 * Publishes until one is refused: SQLite may still have space for some, which are acknowledged and then must be
 * stored.
 */
const TRIES_MAX = 5_000

const missing =
  peers.mosquitto === undefined ? 'mosquitto is not installed' : canMount() ? '' : 'mounting is not allowed'
const name = 'a disk that is full'

/** Publishes values one by one until the connection is closed. @returns the number of acknowledged publishes. */
async function publishUntilRefused(port: number): Promise<number> {
  const client = await RawClient.connect(port, 'full')
  for (let value = 0; value < TRIES_MAX; value++) {
    client.publish('telemetry/full/n', `${value}`, { qos: 1, messageId: value + 1 })
    await until(() => client.count('puback') > value || client.closed, { what: 'an answer' })
    if (client.closed) return value
  }
  throw new Error(`${TRIES_MAX} publishes were acknowledged on a full disk`)
}

/** Sends one QoS 1 publish on a connection of its own. @returns whether it was acknowledged. */
async function isTaken(port: number, value: number): Promise<boolean> {
  const client = await RawClient.connect(port, 'full')
  client.send(publishPacket('telemetry/full/n', `${value}`, { qos: 1, messageId: 1, dup: true }))
  await until(() => client.count('puback') === 1 || client.closed, { what: 'an answer' })
  const taken = client.count('puback') === 1
  client.destroy()
  return taken
}

describe.skipIf(missing !== '')(missing === '' ? name : `${name} (skipped: ${missing})`, () => {
  it('makes the edge refuse and report, loses no acknowledged reading, and stops being reported when there is space again', async () => {
    const disk = SmallDisk.mount(DISK_MIB)
    const data = join(disk.folder, 'data')
    const { edge, receiver } = await startScene({ edge: { data } })
    const idle = await RawClient.connect(edge.port, 'idle')
    await startDevice({ port: edge.port, name: 'before', qos: 1, count: COUNT, timed: true }).finished

    disk.fill()
    const taken = await publishUntilRefused(edge.port)
    expect(await isTaken(edge.port, taken)).toBe(false)
    const { healthy, problems, store } = await edge.status()
    expect(healthy).toBe(false)
    expect(store.refusedBecause).toMatch(/^(SQLITE|STORE)_FULL/)
    expect(problems.join()).toContain(store.refusedBecause)
    expect(edge.stored()).toBe(COUNT + taken)
    await idle.ping()

    disk.free()
    await until(() => isTaken(edge.port, taken), { what: 'publishes are taken again' })
    await startDevice({ port: edge.port, name: 'after', qos: 1, count: COUNT, timed: true }).finished
    expect((await edge.status()).healthy).toBe(true)
    await edge.untilDrained()
    expect(accountOf(receiver, 'before')).toEqual(eachOnce(COUNT))
    expect(accountOf(receiver, 'full')).toEqual(eachOnce(taken + 1))
    expect(accountOf(receiver, 'after')).toEqual(eachOnce(COUNT))
    expect(edge.ledgerProblems()).toEqual([])
    await idle.ping()
    expect(await edge.stop()).toBe(0)
  })
})
