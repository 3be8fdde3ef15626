import { connect, type Socket } from 'node:net'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { onStop } from './started.ts'
import { until } from './wait.ts'

/** An MQTT client that sends exactly what the test wants, valid or not, and records what it receives. */
export class RawClient {
  readonly received: Packet[] = []
  /** Called for each packet in the tick in which it arrives. */
  onPacket: (packet: Packet) => void = () => undefined
  onClosed: () => void = () => undefined
  readonly #socket: Socket
  #closed = false

  private constructor(socket: Socket) {
    this.#socket = socket
    const parser = mqttPacket.parser()
    parser.on('packet', (packet) => {
      this.received.push(packet)
      this.onPacket(packet)
    })
    socket.on('data', (bytes) => parser.parse(bytes))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#closed = true
      this.onClosed()
    })
    onStop(() => this.destroy())
  }

  /** Opens only a TCP connection. */
  static async open(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', () => resolve())
      socket.once('error', reject)
    })
    return new RawClient(socket)
  }

  /** Connects, and waits for CONNACK 0. */
  static async connect(port: number, clientId: string, options: Record<string, unknown> = {}): Promise<RawClient> {
    const client = await RawClient.open(port)
    client.send({
      cmd: 'connect',
      clientId,
      clean: true,
      keepalive: 0,
      protocolVersion: 4,
      protocolId: 'MQTT',
      ...options,
    } as Packet)
    const connack = await client.next('connack')
    if ((connack as { returnCode?: number }).returnCode !== 0)
      throw new Error(`not accepted: ${JSON.stringify(connack)}`)
    return client
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Sends all packets in one write. */
  send(...packets: Packet[]): void {
    this.#socket.write(Buffer.concat(packets.map((packet) => mqttPacket.generate(packet))))
  }

  /** Bytes that were sent and that the kernel has not accepted yet, because the peer does not read fast enough. */
  get unsentBytes(): number {
    return this.#socket.writableLength
  }

  sendBytes(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  publish(
    topic: string,
    payload: string | Buffer,
    options: { qos: 0 | 1 | 2; messageId?: number; retain?: boolean; dup?: boolean },
  ): void {
    this.send(publishPacket(topic, payload, options))
  }

  async subscribe(topic: string, qos: 0 | 1 | 2, messageId = 1): Promise<readonly unknown[]> {
    this.send({ cmd: 'subscribe', messageId, subscriptions: [{ topic, qos }] })
    return ((await this.next('suback')) as { granted: readonly unknown[] }).granted
  }

  /** Waits for a packet of this type and removes it from `received`. @throws Error if the connection ends first. */
  async next(cmd: Packet['cmd']): Promise<Packet> {
    return until(
      () => {
        const at = this.received.findIndex((packet) => packet.cmd === cmd)
        if (at >= 0) return this.received.splice(at, 1)[0]
        if (this.#closed) throw new Error(`the connection was closed before a ${cmd} came`)
        return undefined
      },
      { what: `a ${cmd} arrives` },
    )
  }

  count(cmd: Packet['cmd']): number {
    return this.received.filter((packet) => packet.cmd === cmd).length
  }

  /** Acknowledges every QoS 1 publish received so far. */
  acknowledge(): void {
    for (const packet of this.received) {
      if (packet.cmd === 'publish' && packet.qos === 1)
        this.send({ cmd: 'puback', messageId: packet.messageId! } as Packet)
    }
  }

  /** Sends a PINGREQ and waits for the answer: the broker has then read everything that was sent before. */
  async ping(): Promise<void> {
    this.send({ cmd: 'pingreq' })
    await this.next('pingresp')
  }

  pauseReading(): void {
    this.#socket.pause()
  }

  resumeReading(): void {
    this.#socket.resume()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

export function publishPacket(
  topic: string,
  payload: string | Buffer,
  {
    qos,
    messageId,
    retain = false,
    dup = false,
  }: { qos: 0 | 1 | 2; messageId?: number; retain?: boolean; dup?: boolean },
): Packet {
  return { cmd: 'publish', topic, payload, qos, retain, dup, ...(messageId === undefined ? {} : { messageId }) }
}
