import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { generate, type IPublishPacket, type Packet, parser } from 'mqtt-packet'
import { describe, expect, it } from 'vitest'
import { publishTwice } from '../../src/demo/repeat.ts'
import { onStop } from '../../support/started.ts'

/** Starts a server that answers CONNECT as a broker, and PUBLISH by `answer`. @returns its port. */
async function listen(answer: (publish: IPublishPacket, socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    const packets = parser()
    packets.on('packet', (packet: Packet) => {
      if (packet.cmd === 'connect') socket.write(generate({ cmd: 'connack', returnCode: 0, sessionPresent: false }))
      if (packet.cmd === 'publish') answer(packet, socket)
    })
    socket.on('data', (bytes) => packets.parse(bytes))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onStop(() => void server.close())
  return (server.address() as AddressInfo).port
}

const MESSAGE = {
  host: '127.0.0.1',
  clientId: 'meter-1-modem',
  topic: 'telemetry/meter-1',
  payload: Buffer.from('{"v":1}'),
}

describe('a device that lost an acknowledgement', () => {
  it('sends the same message again over a new connection, with the DUP flag (MQTT 3.1.1 §3.3.1.1)', async () => {
    const seen: { packet: IPublishPacket; from: number | undefined }[] = []
    const port = await listen((packet, socket) => {
      seen.push({ packet, from: socket.remotePort })
      socket.write(generate({ cmd: 'puback', messageId: packet.messageId! }))
    })
    await publishTwice({ ...MESSAGE, port })
    const [first, second] = seen
    expect(seen.length).toBe(2)
    expect(first!.packet).toMatchObject({ qos: 1, dup: false, topic: MESSAGE.topic, payload: MESSAGE.payload })
    const { topic, payload, messageId } = first!.packet
    expect(second!.packet).toMatchObject({ qos: 1, dup: true, topic, payload, messageId })
    expect(second!.from).not.toBe(first!.from)
  })

  it('gets an error when the broker closes the connection instead of acknowledging', async () => {
    const port = await listen((_, socket) => socket.destroy())
    await expect(publishTwice({ ...MESSAGE, port })).rejects.toThrow()
  })
})
