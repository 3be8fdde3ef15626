import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { expect, it } from 'vitest'
import { runTidegate } from '../../support/process.ts'
import { RawClient } from '../../support/raw-client.ts'
import { SiteEdge } from '../../support/site.ts'
import { until } from '../../support/wait.ts'

const UPLINK = { url: 'mqtt://127.0.0.1:1' }
const MESSAGES_MAX = 5_000

/** Ten readings with texts that do not get smaller: about 4 KB. */
function payload(): string {
  const text = () => randomBytes(300).toString('base64')
  return JSON.stringify(Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`m${i}`, text()])))
}

it('messages without a route give their room to readings before any reading is refused', async () => {
  const edge = await SiteEdge.create({ store: { maxBytes: 1_048_576 }, uplinks: [UPLINK] })
  await edge.start()
  const flood = await RawClient.connect(edge.port, 'flood')
  const ring = async () => (await edge.status()).store.unrouted
  for (let i = 1; i <= 200; i++) flood.publish(`x/${i}`, Buffer.alloc(1_000), { qos: 1, messageId: i })
  await until(() => flood.count('puback') === 200)
  const { bytes, bytesMax } = await ring()
  expect(bytes).toBeGreaterThan(0.9 * bytesMax)
  const press = await RawClient.connect(edge.port, 'press')
  let sent = 0
  while (!press.closed && sent < MESSAGES_MAX) {
    const before = press.count('puback')
    for (let i = 0; i < 10; i++) press.publish('telemetry/press', payload(), { qos: 1, messageId: ++sent })
    await until(() => press.closed || press.count('puback') === before + 10, { deadlineMs: 30_000 })
  }
  expect(sent).toBeLessThan(MESSAGES_MAX)
  const { bytes: left, removedForRoom, lastDroppedMs } = await ring()
  expect(left).toBeLessThanOrEqual(bytesMax / 8)
  expect(removedForRoom).toBeGreaterThan(50)
  expect(lastDroppedMs).toBeDefined()
  expect((await edge.status()).problems.join('\n')).toContain('messages without a route were dropped')
  expect((await runTidegate(['ledger', '-s', edge.settingsFile])).code).toBe(0)
}, 180_000)

it('a database of version 9 opens, keeps its readings, and keeps messages without a route', async () => {
  const edge = await SiteEdge.create()
  await edge.start()
  const client = await RawClient.connect(edge.port, 'a')
  client.publish('telemetry/press/force', '1', { qos: 1, messageId: 1 })
  await client.next('puback')
  expect(await edge.stop()).toBe(0)
  const database = new SQLite(join(edge.folder, 'tidegate.db'))
  database.exec('DROP TABLE unrouted; DROP TABLE down')
  database.pragma('user_version = 9')
  database.close()

  await edge.start()
  const again = await RawClient.connect(edge.port, 'a')
  again.publish('x/y', '1', { qos: 1, messageId: 1 })
  await again.next('puback')
  expect(edge.read((reader) => reader.unrouted())).toMatchObject({ stored: 1, waiting: 1, problems: [] })
  expect(edge.stored()).toBe(1)
  expect((await runTidegate(['ledger', '-s', edge.settingsFile])).code).toBe(0)
  expect(await edge.stop()).toBe(0)
})
