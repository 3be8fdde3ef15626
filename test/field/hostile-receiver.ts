import type { Batch } from '../../src/codec/batch.ts'
import { decodeBatch } from '../../src/codec/batch.ts'
import { encodeReceipt, type Receipt } from '../../src/codec/receipt.ts'
import type { Link } from '../../src/link/link.ts'
import { openLink } from '../../src/link/open.ts'
import { onStop } from '../../support/started.ts'

const LIMITS = { readingsMax: 1_000_000, bytesMax: 100_000_000 }
const EDGE = 'site'

/** The answer to a batch; undefined: none. */
export type Reply = (batch: Batch) => Partial<Receipt> | undefined

/** A receiver in the place of Tidegate's own: it stores nothing, and answers each batch as the test says. */
export class HostileReceiver {
  readonly batches: Batch[] = []
  #reply: Reply
  #link!: Link

  private constructor(reply: Reply) {
    this.#reply = reply
  }

  static async connect(url: string, reply: Reply): Promise<HostileReceiver> {
    const receiver = new HostileReceiver(reply)
    receiver.#link = await openLink({
      url,
      clientId: 'hostile',
      session: false,
      keepaliveS: 30,
      connectTimeoutMs: 5_000,
      onMessage: (_topic, payload) => receiver.#take(payload),
    })
    onStop(() => receiver.#link.close())
    await receiver.#link.subscribe(`tidegate/${EDGE}/up/#`, 1)
    return receiver
  }

  /** From now on it answers in another way. */
  become(reply: Reply): void {
    this.#reply = reply
  }

  async #take(payload: Uint8Array): Promise<void> {
    const decoded = decodeBatch(payload, LIMITS)
    if (!decoded.ok) return // changed verdicts
    const { batch } = decoded
    this.batches.push(batch)
    const reply = this.#reply(batch)
    if (reply !== undefined) await this.send(batch, reply)
  }

  /** Sends a receipt; fields that are not given are those of a good answer to this batch. */
  async send({ epoch, run, ranges }: Batch, given: Partial<Receipt>): Promise<void> {
    const high = ranges.at(-1)!.last
    const receipt = encodeReceipt({ epoch, run, ranges, high, kind: 'stored', reason: undefined, ...given })
    await this.#link.publish(`tidegate/${EDGE}/down/receipt`, receipt, { qos: 1 })
  }
}
