import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IncompletePackets } from '../../../src/broker/guards/incomplete-packets.ts'
import { PartialPacket } from '../../../src/broker/partial-packet.ts'
import { RawClient } from '../../../support/raw-client.ts'
import { until } from '../../../support/wait.ts'
import { startBroker } from '../brokers.ts'

const KIB = 1_024

/** The beginning of a QoS 0 PUBLISH on `t/x` with a remaining length of 500,000 bytes; `bytes` in all. */
function halfPublish(bytes: number): Buffer {
  return Buffer.concat([Buffer.from([0x30, 0xa0, 0xc2, 0x1e, 0, 3]), Buffer.from('t/x'), Buffer.alloc(bytes - 9, 'x')])
}

describe('incomplete packets', () => {
  it('are refused before the login when they announce more than a CONNECT needs', async () => {
    const { broker, port } = await startBroker()
    const client = await RawClient.open(port)
    client.sendBytes(Buffer.from([0x10, 0x81, 0x80, 0x04])) // CONNECT, remaining length 65,537
    await until(() => client.closed)
    expect(broker.stats().refusals.tooLarge).toMatchObject({ total: 1 })
  })

  it('are refused before the login when they are not a CONNECT', async () => {
    const { broker, port } = await startBroker()
    const client = await RawClient.open(port)
    client.sendBytes(Buffer.from('G'))
    await until(() => client.closed)
    expect(broker.stats().refusals.malformed).toMatchObject({ total: 1 })
  })

  it('are bounded over all connections: the oldest large one is closed, and others are not affected', async () => {
    const { broker, port } = await startBroker({ pendingBytesMax: 1_000 * KIB })
    const slow = await RawClient.connect(port, 'slow')
    slow.sendBytes(halfPublish(10))
    const clients: RawClient[] = []
    for (let i = 0; i < 4; i++) {
      const client = await RawClient.connect(port, `half${i}`)
      client.sendBytes(halfPublish(300 * KIB))
      clients.push(client)
      await until(() => client.unsentBytes === 0)
      if (i < 2) await until(() => broker.stats().incompleteBytes > (i + 1) * 290 * KIB)
    }
    await until(() => clients.filter(({ closed }) => closed).length > 0, { what: 'a connection is closed' })
    expect(clients[0]!.closed).toBe(true)
    expect(clients[3]!.closed).toBe(false)
    expect(slow.closed).toBe(false)
    expect(broker.stats().incompleteBytes).toBeLessThanOrEqual(1_000 * KIB)
    expect(broker.stats().refusals.incomplete!.total).toBeGreaterThan(0)
    const honest = await RawClient.connect(port, 'honest')
    await honest.ping()
    for (const client of clients) client.destroy()
    slow.destroy()
    await until(() => broker.stats().incompleteBytes === 0)
  })

  it('may arrive in any pieces', async () => {
    const { port } = await startBroker()
    const subscriber = await RawClient.connect(port, 'subscriber')
    await subscriber.subscribe('t/x', 0)
    const client = await RawClient.connect(port, 'pieces')
    const whole = Buffer.concat([halfPublish(9), Buffer.alloc(500_000 - 5, 'y')])
    for (let at = 0; at < whole.length; at += 70_001) client.sendBytes(whole.subarray(at, at + 70_001))
    for (const byte of Buffer.concat([Buffer.from([0x30, 6, 0, 3]), Buffer.from('t/x'), Buffer.from('z')])) {
      client.sendBytes(Buffer.from([byte]))
    }
    await until(() => subscriber.count('publish') === 2)
    const payloads = subscriber.received.map((packet) => (packet as { payload: Buffer }).payload.toString())
    expect(payloads).toEqual(['y'.repeat(499_995), 'z'])
  })
})

describe('the bytes of a partial packet', () => {
  it('are those that were received, whatever the pieces are, and are copied a bounded number of times', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 2, maxLength: 3_000, size: 'max' }),
        fc.array(fc.nat(100), { minLength: 1 }),
        (bytes, sizes) => {
          const whole = Buffer.from(bytes)
          const partial = new PartialPacket()
          partial.begin(whole.subarray(0, 1), whole.length)
          let at = 1
          const sizesHeld = new Set([partial.bytes])
          for (let i = 0; at < whole.length; i++) {
            const size = Math.max(1, sizes[i % sizes.length]!)
            const all = partial.add(whole.subarray(at, at + size))
            at += size
            expect(partial.bytes).toBeLessThanOrEqual(Math.max(64, 2 * at))
            if (all === undefined) sizesHeld.add(partial.bytes)
            expect(all === undefined).toBe(at < whole.length)
            if (all !== undefined) expect(all.equals(whole)).toBe(true)
          }
          expect(partial.bytes).toBe(0)
          // Each size is one copy: 64 bytes, doubled until it is enough.
          expect(sizesHeld.size).toBeLessThanOrEqual(2 + Math.max(0, Math.log2(whole.length / 64)))
        },
      ),
    )
  })
})

describe('the pieces of a partial packet', () => {
  it('are freed when they are copied', () => {
    const partial = new PartialPacket()
    partial.begin(Buffer.from('a'), 100_001)
    const pieces = [Buffer.alloc(60_000, 'b'), Buffer.alloc(40_000, 'c')]
    expect(partial.add(pieces[0]!)).toBeUndefined()
    expect(partial.add(pieces[1]!)?.toString()).toBe(`a${'b'.repeat(60_000)}${'c'.repeat(40_000)}`)
    expect(pieces.map(({ length }) => length)).toEqual([0, 0])
  })

  it('stay when they are a part of a larger piece of memory', () => {
    const partial = new PartialPacket()
    const larger = Buffer.alloc(100_000, 'b')
    partial.begin(Buffer.from('a'), 100_000)
    partial.add(larger.subarray(0, 50_000))
    expect(larger.length).toBe(100_000)
  })
})

describe('the bound of all incomplete packets', () => {
  it('holds whatever connections do, and closes none with less than the average', () => {
    const step = fc.record({ who: fc.nat(9), bytes: fc.nat(400) })
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const packets = new IncompletePackets(1_000)
        const held = new Map<number, number>()
        const connections = Array.from({ length: 10 }, (_, who) => ({
          closeIncomplete() {
            const total = [...held.values()].reduce((sum, one) => sum + one, 0)
            expect(held.get(who)!).toBeGreaterThanOrEqual(total / held.size)
            held.delete(who)
          },
        }))
        for (const { who, bytes } of steps) {
          if (bytes === 0) held.delete(who)
          else held.set(who, bytes)
          if (bytes === 0) packets.end(connections[who]!)
          else packets.note(connections[who]!, bytes)
          expect(packets.bytes).toBe([...held.values()].reduce((sum, one) => sum + one, 0))
          expect(packets.bytes).toBeLessThanOrEqual(1_000)
        }
      }),
    )
  })
})
