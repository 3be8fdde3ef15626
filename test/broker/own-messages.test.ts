import type { Packet } from 'mqtt-packet'
import { describe, expect, it } from 'vitest'
import { RawClient } from '../../support/raw-client.ts'
import { until } from '../../support/wait.ts'
import { startBroker } from './brokers.ts'

const MESSAGE = { topic: 'commands/a', payload: Buffer.from('on'), retain: false }

async function start(qos: 0 | 1 | 2, clean: boolean) {
  const { broker, port } = await startBroker()
  const device = await RawClient.connect(port, 'device', { clean })
  await device.subscribe('commands/+', qos)
  const answers = { count: 0 }
  const deliver = () => broker.own.deliver(MESSAGE, () => answers.count++)
  return { broker, port, device, answers, deliver }
}

async function received(device: RawClient): Promise<number> {
  return ((await device.next('publish')) as { messageId: number }).messageId
}

describe('a message that a local client is to acknowledge', () => {
  it.each([true, false])('is acknowledged by the PUBACK of a client, once (clean session %s)', async (clean) => {
    const { device, answers, deliver } = await start(1, clean)
    const delivery = deliver()
    const messageId = await received(device)
    await device.ping()
    expect({ count: answers.count, isOpen: delivery.isOpen }).toEqual({ count: 0, isOpen: true })
    device.send({ cmd: 'puback', messageId } as Packet, { cmd: 'puback', messageId } as Packet)
    await device.ping()
    expect({ count: answers.count, isOpen: delivery.isOpen }).toEqual({ count: 1, isOpen: false })
  })

  it('is acknowledged when it was written to a subscription with QoS 0', async () => {
    const { device, answers, deliver } = await start(0, true)
    deliver()
    await device.next('publish')
    expect(answers.count).toBe(1)
  })

  it('is given up when the only client without a persistent session leaves', async () => {
    const { device, answers, deliver } = await start(1, true)
    const delivery = deliver()
    await received(device)
    device.destroy()
    await until(() => !delivery.isOpen)
    expect(answers.count).toBe(0)
  })

  it('waits for a persistent session whose client comes back, and is acknowledged then', async () => {
    const { port, device, answers, deliver, broker } = await start(1, false)
    const delivery = deliver()
    await received(device)
    device.destroy()
    await until(() => broker.stats().sessions.absent === 1)
    expect(delivery.isOpen).toBe(true)
    const again = await RawClient.connect(port, 'device', { clean: false })
    again.send({ cmd: 'puback', messageId: await received(again) } as Packet)
    await until(() => answers.count === 1)
    expect(delivery.isOpen).toBe(false)
  })

  it('is not acknowledged by a PUBACK with another identifier, or of another client', async () => {
    const { port, device, answers, deliver } = await start(1, true)
    const other = await RawClient.connect(port, 'other')
    const delivery = deliver()
    const messageId = await received(device)
    device.send({ cmd: 'puback', messageId: (messageId % 65_535) + 1 } as Packet)
    other.send({ cmd: 'puback', messageId } as Packet)
    await Promise.all([device.ping(), other.ping()])
    expect({ count: answers.count, isOpen: delivery.isOpen }).toEqual({ count: 0, isOpen: true })
  })

  it('is open to no one when its topic has no subscriber, although the session of an absent client wants it', async () => {
    const { device, broker, answers, deliver } = await start(1, false)
    expect(broker.own.hasSubscriber('commands/a')).toBe(true)
    device.destroy()
    await until(() => broker.stats().sessions.absent === 1)
    expect(broker.own.hasSubscriber('commands/a')).toBe(false)
    const delivery = deliver()
    await until(() => !delivery.isOpen)
    expect(answers.count).toBe(0)
  })

  it('has another identifier than every other message that the client has not acknowledged', async () => {
    const { device, broker, deliver } = await start(1, true)
    for (let i = 0; i < 20; i++) {
      deliver()
      broker.own.publish({ ...MESSAGE, qos: 1 })
    }
    await until(() => device.count('publish') === 40)
    const ids = device.received.flatMap((packet) => (packet.cmd === 'publish' ? [packet.messageId] : []))
    expect(new Set(ids).size).toBe(40)
  })
})
