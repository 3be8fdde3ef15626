import { describe, expect, it } from 'vitest'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { until } from '../../support/wait.ts'
import { startBroker } from './brokers.ts'

const TOPIC = 'telemetry/pump/pressure'

describe('the held acknowledgement', () => {
  it('at QoS 1 sends one PUBACK, only after the reading is committed', async () => {
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

  it('at QoS 2 sends one PUBREC, only after the reading is committed', async () => {
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

  it.each([1, 2] as const)(
    'at QoS %i closes the connection unanswered when a message cannot be stored',
    async (qos) => {
      const { intake, port } = await startBroker()
      const client = await RawClient.connect(port, 'pump')
      client.publish(TOPIC, '1', { qos, messageId: 7 })
      await until(() => intake.waiting === 1)
      intake.settle(new Error('disk full'))
      await until(() => client.closed)
      expect(client.received).toEqual([])
    },
  )

  it('at QoS 0 keeps the connection open when a message cannot be stored', async () => {
    const { intake, port } = await startBroker()
    const client = await RawClient.connect(port, 'pump')
    client.publish(TOPIC, '1', { qos: 0 })
    await until(() => intake.waiting === 1)
    intake.settle(new Error('disk full'))
    await client.ping()
    expect(client.closed).toBe(false)
  })

  it('offers a will that carries readings for storage when its client dies', async () => {
    const { intake, port } = await startBroker()
    const will = { topic: TOPIC, payload: Buffer.from('-1'), qos: 1, retain: false }
    const client = await RawClient.connect(port, 'pump', { will })
    client.destroy()
    await until(() => intake.waiting === 1)
    expect(intake.offered[0]).toMatchObject({ topic: TOPIC, payload: Buffer.from('-1') })
    intake.settle()
  })
})

describe('a QoS 2 publish', () => {
  it('is offered once and answered twice when one segment contains its identifier twice', async () => {
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

  it('is answered but not offered again when repeated before PUBREL; after PUBREL its identifier is new', async () => {
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

  it('is recognized as a repeat after a restart when its persistent session was stored', async () => {
    const { intake, port } = await startBroker({}, [{ client: 'pump', messageId: 7 }])
    const client = await RawClient.connect(port, 'pump', { clean: false })
    client.publish(TOPIC, '1', { qos: 2, messageId: 7, dup: true })
    await client.next('pubrec')
    expect(intake.offered).toEqual([])
    client.send({ cmd: 'pubrel', messageId: 7 } as never)
    await client.next('pubcomp')
    expect(intake.released).toEqual([{ client: 'pump', messageId: 7 }])
  })

  it('is offered again after a failed commit, which frees its identifier', async () => {
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
