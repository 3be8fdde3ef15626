import { connect } from 'node:net'
import { generate, type Packet, parser } from 'mqtt-packet'

/** If the broker does not answer within this time (milliseconds), the publish has failed. */
const ANSWER_MS_MAX = 10_000
const MESSAGE_ID = 1

export interface Repeat {
  readonly host: string
  readonly port: number
  readonly clientId: string
  readonly topic: string
  readonly payload: Buffer
}

/**
 * Publishes with QoS 1, breaks the connection after the PUBACK, and publishes again over a new connection with the DUP flag,
 * as a device does that has lost the PUBACK (MQTT 3.1.1 §3.3.1.1, §4.4). Resolves when both are acknowledged.
 * @throws Error if the broker does not acknowledge
 */
export async function publishTwice(message: Repeat): Promise<void> {
  await publishOnce(message, false)
  await publishOnce(message, true)
}

function publishOnce({ host, port, clientId, topic, payload }: Repeat, dup: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true })
    const write = (packet: Packet): boolean => socket.write(generate(packet))
    const packets = parser()
    let acknowledged = false
    packets.on('packet', ({ cmd }: Packet) => {
      if (cmd === 'connack') {
        write({ cmd: 'publish', topic, payload, qos: 1, messageId: MESSAGE_ID, dup, retain: false })
      } else if (cmd === 'puback') {
        acknowledged = true
        socket.destroy()
      }
    })
    packets.on('error', (trouble: Error) => socket.destroy(trouble))
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy())
    socket.on('data', (bytes) => packets.parse(bytes))
    socket.on('error', () => undefined) // 'close' follows
    socket.on('close', () =>
      acknowledged ? resolve() : reject(new Error(`${clientId} was not acknowledged by ${host}:${port}`)),
    )
    write({ cmd: 'connect', clientId, protocolId: 'MQTT', protocolVersion: 4, clean: false, keepalive: 0 })
  })
}
