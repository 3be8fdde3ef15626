/** A thread of its own, so that the work of an attacker in this process does not count as latency. See honest.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { pause } from '../../src/base/clock.ts'
import { assert } from '../../src/base/errors.ts'
import { BatchBuilder } from '../../src/codec/batch.ts'
import { decodeReceipt } from '../../src/codec/receipt.ts'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { EVERY_MS, type HonestKind, type HonestReport, type Order, PREFIX } from './honest.ts'

const RETRY_MS = 50
/** An honest edge sends a batch again when it has no receipt after this time. */
const RESEND_MS = 15_000
/** After the last message, acknowledgements are waited for up to this time. */
const ANSWERS_MS = 10_000

/** How a message is made, and which values an incoming packet acknowledges. */
interface Protocol {
  readonly subscription: string | undefined
  message(value: number): Packet
  answered(packet: Packet): readonly number[]
}

const idOf = (value: number): number => (value % 65_535) + 1

class DeviceProtocol implements Protocol {
  readonly subscription = undefined
  readonly #name: string

  constructor(name: string) {
    this.#name = name
  }

  message(value: number): Packet {
    const payload = `{"value":${value},"ts":${Date.now()}}`
    return publishPacket(`telemetry/${this.#name}/n`, payload, { qos: 1, messageId: idOf(value) })
  }

  answered(packet: Packet): readonly number[] {
    return packet.cmd === 'puback' ? [packet.messageId! - 1] : []
  }
}

/** An edge sends one batch for each value, at the position value + 1; the receipt acknowledges it. */
class EdgeProtocol implements Protocol {
  readonly subscription: string
  readonly #topic: string
  readonly #builder: BatchBuilder

  constructor(name: string) {
    this.#topic = `${PREFIX}/${name}/up/live`
    this.subscription = `${PREFIX}/${name}/down/receipt`
    this.#builder = new BatchBuilder({ edge: name, epoch: 'aB3_dEfGhI12', run: 'Zy9-xWvUtS87' })
  }

  message(value: number): Packet {
    this.#builder.add(1, value + 1, Date.now(), value, 1, 0)
    const { bytes } = this.#builder.build(() => ({ device: 'honest', metric: 'n', unit: undefined }))
    return publishPacket(this.#topic, Buffer.from(bytes), { qos: 1, messageId: idOf(value) })
  }

  answered(packet: Packet): readonly number[] {
    if (packet.cmd !== 'publish') return []
    const decoded = decodeReceipt(packet.payload as Buffer)
    if (!decoded.ok || decoded.receipt.kind !== 'stored') return []
    const { ranges } = decoded.receipt
    return ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i - 1))
  }
}

/** Sends ten values per second whatever happens, and keeps each until it is acknowledged. */
class Honest {
  readonly #port: number
  readonly #name: string
  readonly #protocol: Protocol
  #latenciesMs: number[] = []
  readonly #acknowledged: number[] = []
  /** Time of the first and of the last publish, by value. */
  readonly #waiting = new Map<number, { readonly first: number; last: number; readonly packet: Packet }>()
  readonly #timer: NodeJS.Timeout
  #client: RawClient | undefined
  #connections = 0
  #values = 0
  #ended = false

  constructor({ port, name, kind }: { port: number; name: string; kind: HonestKind }) {
    this.#port = port
    this.#name = name
    this.#protocol = kind === 'device' ? new DeviceProtocol(name) : new EdgeProtocol(name)
    this.#timer = setInterval(() => this.#tick(), EVERY_MS)
    void this.#stayConnected()
  }

  async #stayConnected(): Promise<void> {
    while (!this.#ended) {
      try {
        await this.#connect()
      } catch {
        // The broker refuses it, or is busy.
      }
      await pause(RETRY_MS)
    }
  }

  async #connect(): Promise<void> {
    const client = await RawClient.connect(this.#port, this.#name, { clean: false })
    const closed = new Promise<void>((resolve) => {
      client.onClosed = resolve
    })
    client.onPacket = (packet) => {
      client.received.length = 0
      this.#hear(client, packet)
    }
    if (this.#protocol.subscription !== undefined) {
      client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: this.#protocol.subscription, qos: 1 }] })
    }
    this.#connections++
    for (const message of this.#waiting.values()) this.#send(client, message, true)
    this.#client = client
    if (!client.closed) await closed
    this.#client = undefined
  }

  #tick(): void {
    const now = performance.now()
    const value = this.#values++
    const message = { first: now, last: now, packet: this.#protocol.message(value) }
    this.#waiting.set(value, message)
    if (this.#client === undefined) return
    this.#send(this.#client, message, false)
    for (const late of this.#waiting.values()) if (now - late.last > RESEND_MS) this.#send(this.#client, late, true)
  }

  #send(client: RawClient, message: { last: number; readonly packet: Packet }, dup: boolean): void {
    message.last = performance.now()
    client.sendBytes(mqttPacket.generate({ ...message.packet, dup } as Packet))
  }

  #hear(client: RawClient, packet: Packet): void {
    if (packet.cmd === 'publish' && packet.qos === 1) client.send({ cmd: 'puback', messageId: packet.messageId! })
    for (const value of this.#protocol.answered(packet)) {
      const message = this.#waiting.get(value)
      if (message === undefined) continue
      this.#waiting.delete(value)
      this.#latenciesMs.push(performance.now() - message.first)
      this.#acknowledged.push(value)
    }
  }

  /** Only what is acknowledged from now on counts. */
  begin(): void {
    this.#latenciesMs = []
  }

  /** Sends no more, and waits for the answers. A value without one counts with the time that it has waited. */
  async finish(): Promise<HonestReport> {
    clearInterval(this.#timer)
    const deadline = performance.now() + ANSWERS_MS
    while (this.#waiting.size > 0 && performance.now() < deadline) await pause(RETRY_MS)
    this.#ended = true
    const now = performance.now()
    const late = [...this.#waiting.values()].map(({ first }) => now - first)
    const report = {
      latenciesMs: [...this.#latenciesMs, ...late],
      acknowledged: this.#acknowledged,
      unanswered: [...this.#waiting.keys()],
      connections: this.#connections,
    }
    this.#client?.destroy()
    return report
  }
}

assert(parentPort !== null, 'this file runs as a thread')
const parent = parentPort
const honest = new Honest(workerData)
parent.on('message', async (order: Order) => {
  if (order === 'begin') return honest.begin()
  parent.postMessage(await honest.finish())
  parent.close()
})
