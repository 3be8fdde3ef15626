import { type Batch, decodeBatch } from '../../../src/codec/batch.ts'
import { encodeReceipt, type Receipt } from '../../../src/codec/receipt.ts'
import type { RawClient } from '../../../support/raw-client.ts'
import { type Field, idOf } from '../field.ts'
import { HONEST, PREFIX } from '../honest.ts'

const LIMITS = { readingsMax: 1_000_000, bytesMax: 134_217_728 }

/** A receiver that answers every batch as an attacker wants. It knows what it was sent. */
export class HostileReceiver {
  readonly epochs = new Set<string>()
  /** The highest position that it has received. */
  high = 0
  batches = 0
  /** The newest batch. */
  last: Batch | undefined
  readonly #field: Field
  readonly #client: RawClient
  readonly #answer: (batch: Batch) => Receipt | undefined
  #messages = 0

  private constructor(
    field: Field,
    client: RawClient,
    answer: (batch: Batch, hostile: HostileReceiver) => Receipt | undefined,
  ) {
    this.#field = field
    this.#client = client
    this.#answer = (batch) => answer(batch, this)
    client.onPacket = (packet) => {
      client.received.length = 0
      if (packet.cmd !== 'publish') return
      if (packet.qos === 1) client.send({ cmd: 'puback', messageId: packet.messageId! })
      const decoded = packet.topic.endsWith('/amend') ? undefined : decodeBatch(packet.payload as Buffer, LIMITS)
      if (decoded?.ok) this.#take(decoded.batch)
    }
  }

  static async start(
    field: Field,
    answer: (batch: Batch, hostile: HostileReceiver) => Receipt | undefined,
  ): Promise<HostileReceiver> {
    const client = await field.client('hostile-receiver')
    const hostile = new HostileReceiver(field, client, answer)
    // The first batch may come with the SUBACK.
    client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: `${PREFIX}/+/up/#`, qos: 1 }] })
    return hostile
  }

  /** Publishes to the attacked edge, below its topics. */
  send(topic: string, payload: Uint8Array | string): void {
    const bytes = typeof payload === 'string' ? payload : Buffer.from(payload)
    this.#client.publish(`${PREFIX}/site/${topic}`, bytes, { qos: 1, messageId: idOf(this.#messages++) })
  }

  /** Bytes that the cloud broker has not read yet. */
  get unsentBytes(): number {
    return this.#client.unsentBytes
  }

  #take(batch: Batch): void {
    this.batches++
    this.last = batch
    this.epochs.add(batch.epoch)
    for (const { device, seq, values } of batch.series) {
      this.high = Math.max(this.high, seq.at(-1) ?? 0)
      if (device === HONEST) for (const value of values) this.#field.delivered.add(Number(value))
    }
    const receipt = this.#answer(batch)
    if (receipt !== undefined) this.send('down/receipt', encodeReceipt(receipt))
  }
}

/** The receipt of an honest receiver. */
export function honestReceipt({ epoch, run, ranges }: Batch, { high }: HostileReceiver): Receipt {
  return { epoch, run, kind: 'stored', ranges, high, reason: undefined }
}
