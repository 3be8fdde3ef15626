import { createServer, type Socket } from 'node:net'
import mqttPacket from 'mqtt-packet'
import { expect, it } from 'vitest'
import { onStop } from '../../support/started.ts'
import { SteadyDevice } from '../../support/steady-device.ts'
import { until } from '../../support/wait.ts'

/** An MQTT server that keeps sessions, and acknowledges only when the test asks for it. */
class Server {
  acknowledging = false
  /** Payloads in the order of arrival, one list per connection. */
  readonly connections: string[][] = []
  readonly acknowledged: string[] = []
  #socket: Socket | undefined

  async start(): Promise<number> {
    const server = createServer((socket) => this.#serve(socket))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onStop(() => {
      server.close()
      this.cut()
    })
    return (server.address() as { port: number }).port
  }

  get arrived(): readonly string[] {
    return this.connections.at(-1) ?? []
  }

  cut(): void {
    this.#socket?.destroy()
  }

  #serve(socket: Socket): void {
    this.#socket = socket
    const payloads: string[] = []
    const parser = mqttPacket.parser()
    parser.on('packet', (packet) => {
      if (packet.cmd === 'connect') {
        const sessionPresent = this.connections.push(payloads) > 1
        socket.write(mqttPacket.generate({ cmd: 'connack', returnCode: 0, sessionPresent }))
      }
      if (packet.cmd !== 'publish') return
      payloads.push(String(packet.payload))
      if (!this.acknowledging) return
      this.acknowledged.push(String(packet.payload))
      socket.write(mqttPacket.generate({ cmd: 'puback', messageId: packet.messageId! }))
    })
    socket.on('data', (bytes) => parser.parse(bytes))
    socket.on('error', () => undefined)
  }
}

it('a device publishes again, in order, what failed because the connection closed during the repeats of MQTT.js', async () => {
  const server = new Server()
  const device = new SteadyDevice({ port: await server.start(), clientId: 'pump', reconnectMs: 10 })
  const done: string[] = []
  const publish = (...values: string[]): void => {
    for (const value of values) device.publish('telemetry/pump/n', value, () => done.push(value))
  }
  publish('1', '2', '3')
  await until(() => server.arrived.length === 3, { what: 'three messages arrive' })
  server.cut()
  await until(() => server.connections.length === 2 && server.arrived.length === 1, { what: 'the first is repeated' })
  expect(device.connected).toBe(true)
  publish('4', '5')
  server.cut()
  publish('6')
  server.acknowledging = true
  await device.untilAcknowledged()
  expect(server.acknowledged).toEqual(['1', '2', '3', '4', '5', '6'])
  expect(done).toEqual(['1', '2', '3', '4', '5', '6'])
  expect(device.waiting).toBe(0)
})
