import { forwardTopic } from '../../base/forwarding.ts'
import { TOPIC_BYTES_MAX } from '../../base/topics.ts'
import type { ForwardOutbox } from '../../store/forward/forward-outbox.ts'
import type { Store } from '../../store/store.ts'
import type { Outgoing } from '../protocol.ts'

/** Limit (bytes) of the balance between live readings and messages, in either direction. */
const OWED_BYTES_MAX = 131_072
/** Messages with an unusable topic that one call parks at most; the next call continues. */
const UNFIT_MAX = 64

type Message = Omit<Extract<Outgoing, { kind: 'message' }>, 'backlog'>
type Wait = Omit<Extract<Outgoing, { kind: 'wait' }>, 'backlog'>

/** Chooses the next message of the forward routes for one uplink, and balances messages against live readings. */
export class MessageScheduler {
  readonly #store: Store
  readonly #outbox: ForwardOutbox
  readonly #names: { readonly edge: string; readonly prefix: string }
  /** Bytes of live readings that left while messages waited, minus bytes of messages that left. */
  #owed = 0

  constructor(store: Store, outbox: ForwardOutbox, names: { readonly edge: string; readonly prefix: string }) {
    this.#store = store
    this.#outbox = outbox
    this.#names = names
  }

  /** Whether a message should leave before the next live readings. */
  get isOwed(): boolean {
    return this.#owed > 0
  }

  /** Live readings with this many bytes left. */
  yielded(bytes: number): void {
    this.#owed = this.#outbox.waiting > 0 ? Math.min(OWED_BYTES_MAX, this.#owed + bytes) : 0
  }

  /** @param bytesMax of the payload; `now`: UTC ms. */
  next(bytesMax: number, now: number): Message | Wait {
    if (bytesMax === 0) return { kind: 'wait', ms: undefined }
    for (let unfit = 0; unfit < UNFIT_MAX; unfit++) {
      const taken = this.#outbox.take(bytesMax, now)
      if (taken === undefined) return { kind: 'wait', ms: undefined }
      const { id, target, topic: original, retain } = taken.head
      const topic = forwardTopic(target, { ...this.#names, topic: original })
      const problem = this.#problem(topic)
      if (problem === undefined) {
        this.#owed = Math.max(-OWED_BYTES_MAX, this.#owed - taken.payload.length)
        return { kind: 'message', id, topic, bytes: taken.payload, retain: retain === 1 }
      }
      this.#store.write(() => this.#outbox.refuse(id, { reason: problem, at: now, certain: true }))
    }
    return { kind: 'wait', ms: 0 }
  }

  /** Why a message to this topic cannot be sent to any broker, or undefined. */
  #problem(topic: string): string | undefined {
    if (Buffer.byteLength(topic) > TOPIC_BYTES_MAX) return `its topic is longer than ${TOPIC_BYTES_MAX} bytes`
    const { prefix, edge } = this.#names
    const own = `${prefix}/${edge}/`
    if (!topic.startsWith(own)) return undefined
    const [level = ''] = topic.slice(own.length).split('/')
    return ['up', 'down', 'status'].includes(level) ? `${topic} is a topic of the uplink itself` : undefined
  }
}
