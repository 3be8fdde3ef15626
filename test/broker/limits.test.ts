import { describe, expect, it } from 'vitest'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { until } from '../../support/wait.ts'
import { startBroker } from './brokers.ts'

/** A CONNECT header that announces 200 MB: five bytes. */
const BOMB = Buffer.from([0x10, 0x80, 0xd8, 0xae, 0x5f])

/** A CONNECT packet that the library would refuse to generate. */
function connectBytes(clientId: string, clean: boolean): Buffer {
  const id = Buffer.from(clientId)
  const variable = Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, 4, clean ? 2 : 0, 0, 0, id.length >> 8, id.length & 255])
  const length = variable.length + id.length
  return Buffer.concat([Buffer.from([0x10, (length & 127) | 128, length >> 7]), variable, id])
}

describe('the limits of the broker', () => {
  it('refuse a packet by its announced length, before the client has logged in', async () => {
    const { port } = await startBroker({ packetBytesMax: 10_000 })
    const client = await RawClient.open(port)
    client.sendBytes(BOMB)
    await until(() => client.closed)
  })

  it('accept a packet at the size limit and refuse one more byte', async () => {
    const { port } = await startBroker({ packetBytesMax: 1_000 })
    const client = await RawClient.connect(port, 'a')
    const bytesOf = (remaining: number): Buffer => Buffer.alloc(remaining - 2 - 1 - 2, 'x')
    client.publish('t', bytesOf(1_000), { qos: 1, messageId: 1 })
    await client.next('puback')
    client.publish('t', bytesOf(1_001), { qos: 1, messageId: 2 })
    await until(() => client.closed)
    expect(client.count('puback')).toBe(0)
  })

  it('stop the reading of a client whose publishes wait for the disk, without any loss', async () => {
    const { intake, port } = await startBroker({ pendingPerClientMax: 10 })
    const client = await RawClient.connect(port, 'flood')
    const other = await RawClient.connect(port, 'other')
    for (let messageId = 1; messageId <= 500; messageId++) {
      client.publish('telemetry/a/b', '1', { qos: 1, messageId })
      if (messageId % 2 === 0) await other.ping()
    }
    await until(() => intake.waiting >= 10)
    expect(intake.waiting).toBeLessThan(20)
    await until(
      () => {
        intake.settle()
        return client.count('puback') === 500
      },
      { what: 'all publishes are acknowledged' },
    )
    expect(intake.offered).toHaveLength(500)
  })

  it('let one client take a quarter of the free bytes, and read others meanwhile', async () => {
    const { intake, port } = await startBroker({ pendingBytesMax: 1_000_000 })
    const payload = Buffer.alloc(10_000, '1')
    const ids = ['flood1', 'flood2', 'flood3']
    const floods = await Promise.all(ids.map((id) => RawClient.connect(port, id)))
    for (const [i, flood] of floods.entries()) {
      for (let messageId = 1; messageId <= 200; messageId++) {
        flood.publish('telemetry/a/b', payload, { qos: 1, messageId })
      }
      await until(() => intake.offered.filter(({ client }) => client === ids[i]).length >= 10)
    }
    const other = await RawClient.connect(port, 'other')
    other.publish('telemetry/other/b', '1', { qos: 1, messageId: 1 })
    await until(() => intake.offered.some(({ client }) => client === 'other'), { what: 'the other client is read' })
    const bytesOf = (id: string): number =>
      intake.offered.filter(({ client }) => client === id).reduce((sum, one) => sum + one.payload.length, 0)
    // A client is asked after each read of at most 64 KiB.
    for (const id of ids) expect(bytesOf(id)).toBeLessThan(250_000 + 2 * 65_536)
    expect(intake.pendingBytes).toBeLessThan(1_000_000)
    await until(
      () => {
        intake.settle()
        return floods.every((flood) => flood.count('puback') === 200)
      },
      { what: 'all publishes are acknowledged' },
    )
  })

  it('stop the reading of all sockets while too many bytes of all clients wait', async () => {
    const { intake, port } = await startBroker({ pendingBytesMax: 50_000 })
    const clients = await Promise.all([1, 2, 3].map((n) => RawClient.connect(port, `flood${n}`)))
    const payload = Buffer.alloc(10_000, '1')
    for (const client of clients) {
      for (let messageId = 1; messageId <= 100; messageId++) {
        client.publish('telemetry/a/b', payload, { qos: 1, messageId })
      }
    }
    await until(() => intake.pendingBytes >= 50_000)
    const idle = await RawClient.open(port)
    expect(idle.closed).toBe(false)
    expect(intake.pendingBytes).toBeLessThan(600_000)
    await until(
      () => {
        intake.settle()
        return clients.every((client) => client.count('puback') === 100)
      },
      { what: 'all publishes are acknowledged' },
    )
  })

  it('close connections beyond the maximum, and accept the next one after a client leaves', async () => {
    const { broker, port } = await startBroker({ connectionsMax: 1 })
    const first = await RawClient.connect(port, 'a')
    const second = await RawClient.open(port)
    await until(() => second.closed)
    expect(broker.stats()).toMatchObject({ connections: 1, refused: 1 })
    first.destroy()
    await until(() => broker.stats().connections === 0)
    await RawClient.connect(port, 'b')
  })

  it('close a connection that never sends CONNECT', async () => {
    const { port } = await startBroker({ connectTimeoutMs: 100 })
    const client = await RawClient.open(port)
    await until(() => client.closed)
  })
})

describe('the broker', () => {
  it.each(['$SYS/x/new/clients', '$share/a/b', 'a/\u0000', ''])(
    'closes the connection of a client that publishes to %j',
    async (topic) => {
      const { port } = await startBroker()
      const client = await RawClient.connect(port, 'a')
      if (topic === '') client.sendBytes(Buffer.from([0x30, 0x02, 0x00, 0x00]))
      else client.publish(topic, 'victim', { qos: 0 })
      await until(() => client.closed)
    },
  )

  it('does not disconnect a client because of a publish to $SYS', async () => {
    const { port } = await startBroker()
    const victim = await RawClient.connect(port, 'victim')
    const attacker = await RawClient.connect(port, 'attacker')
    attacker.publish('$SYS/x/new/clients', 'victim', { qos: 0 })
    await until(() => attacker.closed)
    await victim.ping()
  })

  it('refuses a subscription to $SYS and keeps the granted ones of the same packet', async () => {
    const { port } = await startBroker()
    const client = await RawClient.connect(port, 'a', { clean: false })
    client.send({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [
        { topic: 'ok/#', qos: 1 },
        { topic: '$SYS/#', qos: 1 },
      ],
    })
    expect(await client.next('suback')).toMatchObject({ granted: [1, 128] })
    client.destroy()
    const again = await RawClient.connect(port, 'a', { clean: false })
    const other = await RawClient.connect(port, 'b')
    other.publish('ok/1', 'x', { qos: 1, messageId: 1 })
    expect(await again.next('publish')).toMatchObject({ topic: 'ok/1' })
    expect(again.received).toEqual([])
  })

  it.each(['a#', '+a', '#/a', 'a/\u0000'])(
    'closes the connection of a client that subscribes to %j',
    async (filter) => {
      const { port } = await startBroker()
      const client = await RawClient.connect(port, 'a')
      client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: filter, qos: 0 }] })
      await until(() => client.closed)
      expect(client.count('suback')).toBe(0)
    },
  )

  it('refuses an empty client id without a clean session, and a too long one, with CONNACK 2', async () => {
    const { port } = await startBroker()
    for (const { clientId, clean } of [
      { clientId: '', clean: false },
      { clientId: 'x'.repeat(300), clean: true },
    ]) {
      const client = await RawClient.open(port)
      client.sendBytes(connectBytes(clientId, clean))
      expect(await client.next('connack')).toMatchObject({ returnCode: 2 })
      await until(() => client.closed)
    }
  })

  it('closes the connection of a client that uses message id 0', async () => {
    const { intake, port } = await startBroker()
    const client = await RawClient.connect(port, 'a')
    const bytes = Buffer.concat([Buffer.from([0x32, 0x06, 0x00, 0x01]), Buffer.from('t'), Buffer.from([0, 0, 0x31])])
    client.sendBytes(bytes)
    await until(() => client.closed)
    expect(intake.offered).toEqual([])
  })

  it('accepts MQTT 3.1 and refuses MQTT 5', async () => {
    const { port } = await startBroker()
    await RawClient.connect(port, 'old', { protocolVersion: 3, protocolId: 'MQIsdp' })
    const client = await RawClient.open(port)
    client.send({
      cmd: 'connect',
      clientId: 'new',
      clean: true,
      keepalive: 0,
      protocolVersion: 5,
      protocolId: 'MQTT',
    } as never)
    expect(await client.next('connack')).toBeDefined()
    await until(() => client.closed)
  })

  it('answers the publishes of one segment in their order', async () => {
    const { intake, port } = await startBroker()
    const client = await RawClient.connect(port, 'a')
    client.send(...[1, 2, 3].map((messageId) => publishPacket('telemetry/a/b', `${messageId}`, { qos: 1, messageId })))
    await until(() => intake.waiting === 3)
    intake.settle()
    await until(() => client.count('puback') === 3)
    expect(client.received.map((packet) => (packet as { messageId: number }).messageId)).toEqual([1, 2, 3])
  })
})
