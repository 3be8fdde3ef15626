import { describe, expect, it } from 'vitest'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { until } from '../../support/wait.ts'
import { startBroker } from './brokers.ts'

const TOPIC = 'telemetry/pump/pressure'

describe('an acknowledgement waits for the disk', () => {
  it('QoS 1: no PUBACK before the reading is settled, one after', async () => {
    const { intake, port } = await startBroker()
    const client = await RawClient.connect(port, 'pump')
    client.publish(TOPIC, '1', { qos: 1, messageId: 7 })
    await until(() => intake.waiting === 1)
    const other = await RawClient.connect(port, 'other')
    await other.ping()
    expect(client.count('puback')).toBe(0)
    intake.settle()
    expect(await client.next('puback')).toMatchObject({ messageId: 7 })
  })

  it('QoS 2: no PUBREC before the reading is settled, one after', async () => {
    const { intake, port } = await startBroker()
    const client = await RawClient.connect(port, 'pump')
    client.publish(TOPIC, '1', { qos: 2, messageId: 7 })
    await until(() => intake.waiting === 1)
    const other = await RawClient.connect(port, 'other')
    await other.ping()
    expect(client.count('pubrec')).toBe(0)
    intake.settle()
    expect(await client.next('pubrec')).toMatchObject({ messageId: 7 })
    client.send({ cmd: 'pubrel', messageId: 7 } as never)
    expect(await client.next('pubcomp')).toMatchObject({ messageId: 7 })
  })

  it.each([1, 2] as const)('QoS %i: what could not be stored closes the connection without an answer', async (qos) => {
    const { intake, port } = await startBroker()
    const client = await RawClient.connect(port, 'pump')
    client.publish(TOPIC, '1', { qos, messageId: 7 })
    await until(() => intake.waiting === 1)
    intake.settle(new Error('disk full'))
    await until(() => client.closed)
    expect(client.received).toEqual([])
  })

  it('QoS 0: what could not be stored leaves the connection', async () => {
    const { intake, port } = await startBroker()
    const client = await RawClient.connect(port, 'pump')
    client.publish(TOPIC, '1', { qos: 0 })
    await until(() => intake.waiting === 1)
    intake.settle(new Error('disk full'))
    await client.ping()
    expect(client.closed).toBe(false)
  })

  it('a will that carries readings is offered when its client dies', async () => {
    const { intake, port } = await startBroker()
    const will = { topic: TOPIC, payload: Buffer.from('-1'), qos: 1, retain: false }
    const client = await RawClient.connect(port, 'pump', { will })
    client.destroy()
    await until(() => intake.waiting === 1)
    expect(intake.offered[0]).toMatchObject({ topic: TOPIC, payload: Buffer.from('-1') })
    intake.settle()
  })
})

describe('QoS 2 is taken exactly once', () => {
  it('the same identifier twice in one segment is offered once and answered twice', async () => {
    const { intake, port } = await startBroker()
    const client = await RawClient.connect(port, 'pump')
    const packet = publishPacket(TOPIC, '1', { qos: 2, messageId: 7 })
    client.send(packet, packet)
    await until(() => intake.waiting === 1)
    intake.settle()
    await client.next('pubrec')
    await client.next('pubrec')
    expect(intake.offered).toHaveLength(1)
  })

  it('a repeat before PUBREL is answered and not offered; after PUBREL the identifier is new', async () => {
    const { intake, port } = await startBroker()
    const client = await RawClient.connect(port, 'pump')
    for (const dup of [false, true]) {
      client.publish(TOPIC, '1', { qos: 2, messageId: 7, dup })
      await until(() => intake.offered.length === 1)
      intake.settle()
      await client.next('pubrec')
    }
    expect(intake.offered).toHaveLength(1)
    client.send({ cmd: 'pubrel', messageId: 7 } as never)
    await client.next('pubcomp')
    client.publish(TOPIC, '2', { qos: 2, messageId: 7 })
    await until(() => intake.offered.length === 2)
    intake.settle()
    await client.next('pubrec')
  })

  it('what the disk remembers of a lasting session is a repeat after a restart', async () => {
    const { intake, port } = await startBroker({}, [{ client: 'pump', messageId: 7 }])
    const client = await RawClient.connect(port, 'pump', { clean: false })
    client.publish(TOPIC, '1', { qos: 2, messageId: 7, dup: true })
    await client.next('pubrec')
    expect(intake.offered).toEqual([])
    client.send({ cmd: 'pubrel', messageId: 7 } as never)
    await client.next('pubcomp')
    expect(intake.released).toEqual([{ client: 'pump', messageId: 7 }])
  })

  it('a failed commit frees the identifier: the repeat is offered again', async () => {
    const { intake, port } = await startBroker()
    const first = await RawClient.connect(port, 'pump', { clean: false })
    first.publish(TOPIC, '1', { qos: 2, messageId: 7 })
    await until(() => intake.waiting === 1)
    intake.settle(new Error('disk full'))
    await until(() => first.closed)
    const second = await RawClient.connect(port, 'pump', { clean: false })
    second.publish(TOPIC, '1', { qos: 2, messageId: 7, dup: true })
    await until(() => intake.offered.length === 2)
    intake.settle()
    await second.next('pubrec')
  })
})
