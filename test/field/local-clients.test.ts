import type { Packet } from 'mqtt-packet'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { SiteEdge } from '../../support/site.ts'
import { sized } from '../../support/size.ts'
import { until } from '../../support/wait.ts'

/** Sessions on every topic whose clients are away. */
const SESSIONS = sized(100, 300)

let edge: SiteEdge

beforeAll(async () => {
  edge = await SiteEdge.create({ broker: { sessionQueueMax: 100 } })
  await edge.start()
})

afterAll(async () => {
  expect(edge.ledgerProblems()).toEqual([])
  expect(await edge.stop()).toBe(0)
})

/** Publishes readings, each after the acknowledgement of the one before, until `isDone`. @returns how many were acknowledged */
async function readingsUntil(name: string, isDone: () => boolean): Promise<number> {
  const honest = await RawClient.connect(edge.port, name)
  let acknowledged = 0
  const send = (): void =>
    honest.publish(`telemetry/${name}/t`, '21.5', { qos: 1, messageId: (acknowledged % 60_000) + 1 })
  honest.onPacket = ({ cmd }) => {
    if (cmd !== 'puback') return
    acknowledged++
    if (!isDone()) send()
  }
  send()
  await until(isDone, { deadlineMs: 50_000, what: 'the other client has its answer' })
  honest.destroy()
  return acknowledged
}

function subscribe(client: RawClient, filters: readonly string[]): void {
  client.send({ cmd: 'subscribe', messageId: 1, subscriptions: filters.map((topic) => ({ topic, qos: 1 })) } as Packet)
}

describe('one client', () => {
  it('subscribes with 10,000 filters in one packet, and others are stored meanwhile', async () => {
    const greedy = await RawClient.connect(edge.port, 'greedy', { clean: false })
    subscribe(
      greedy,
      Array.from({ length: 10_000 }, (_, i) => `x/${i}/+`),
    )
    expect(await readingsUntil('beside-filters', () => greedy.count('suback') === 1)).toBeGreaterThan(0)
    greedy.destroy()
  })

  it('finds retained messages with 10,000 filters, and others are stored meanwhile', async () => {
    for (const half of [0, 1]) {
      const publisher = await RawClient.connect(edge.port, `publisher-${half}`)
      for (let i = 0; i < 5_000; i++) publisher.publish(`r/${half * 5_000 + i}/y`, 'x', { qos: 0, retain: true })
      await publisher.ping()
    }
    const greedy = await RawClient.connect(edge.port, 'greedy-retained')
    subscribe(
      greedy,
      Array.from({ length: 10_000 }, (_, i) => `r/${i}/+`),
    )
    expect(await readingsUntil('beside-retained', () => greedy.count('publish') === 10_000)).toBeGreaterThan(0)
    greedy.destroy()
  })

  it('leaves sessions on every topic behind, whose messages are counted and no longer queued', async () => {
    const ids = Array.from({ length: SESSIONS }, (_, i) => `abandoned-${i}`)
    for (const id of ids) {
      const client = await RawClient.connect(edge.port, id, { clean: false })
      await client.subscribe('#', 1)
      client.destroy()
    }
    const absent = async () => (await edge.status()).broker.sessions.absent
    await until(async () => (await absent()) >= SESSIONS, { what: 'their clients are gone' })
    const honest = await RawClient.connect(edge.port, 'honest')
    const publish = async (first: number, count: number): Promise<void> => {
      const packets = Array.from({ length: count }, (_, i) =>
        publishPacket('telemetry/honest/t', '21.5', { qos: 1, messageId: first + i }),
      )
      honest.send(...packets)
      await until(() => honest.count('puback') === first + count - 1, { what: 'the readings are acknowledged' })
    }
    await publish(1, 101)
    const broker = async () => (await edge.status()).broker
    await until(async () => (await broker()).sessions.queued === SESSIONS * 100, { what: 'all queues are full' })
    await until(async () => (await broker()).dropped === SESSIONS, { what: 'one more message is dropped' })
    await publish(102, 1_000)
    await until(async () => (await broker()).dropped === SESSIONS * 1_001, { what: 'the others are dropped' })
    expect((await broker()).sessions.queued).toBe(SESSIONS * 100)
    honest.destroy()
  })

  it('that ends its connection by a malformed filter can connect again', async () => {
    const client = await RawClient.connect(edge.port, 'careless', { clean: false })
    subscribe(client, ['good/#', 'a#'])
    await until(() => client.closed)
    const again = await RawClient.connect(edge.port, 'careless', { clean: false })
    await again.ping()
    again.destroy()
  })

  it('that subscribes and retains without end is refused, and health names it', async () => {
    const greedy = await RawClient.connect(edge.port, 'greedy-one')
    const filters = (round: number) => Array.from({ length: 5_001 }, (_, i) => `many/${round}/${i}`)
    for (const round of [1, 2]) {
      subscribe(greedy, filters(round))
      await greedy.next('suback')
    }
    for (let i = 0; i < 5_001; i++) greedy.publish(`kept/${i}`, 'x', { qos: 0, retain: true })
    await greedy.ping()
    const { problems, broker } = await edge.status()
    expect(broker.sessions.filtersRefused).toMatchObject({ count: 2, last: 'greedy-one' })
    expect(broker.retained.refused.last).toBe('greedy-one')
    for (const words of ['2 subscriptions were refused', '"greedy-one"', 'broker.retainedMax']) {
      expect(problems.join('\n')).toContain(words)
    }
    greedy.destroy()
  })
})
