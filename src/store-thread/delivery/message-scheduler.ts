import { forwardTopic } from '../../base/forwarding.ts'
import { CLOUD_LEVELS_MAX, levelsProblem, TOPIC_BYTES_MAX } from '../../base/topics.ts'
import type { ForwardOutbox } from '../../store/forward/forward-outbox.ts'
import type { Store } from '../../store/store.ts'
import type { Outgoing } from '../protocol.ts'

/** Limit (bytes) of the balance between live readings and messages, in either direction. */
const OWED_BYTES_MAX = 131_072
/** Messages with an unusable topic that one call parks at most; the next call continues. */
const UNFIT_MAX = 64

type Message = Omit<Extract<Outgoing, { kind: 'message' }>, 'backlog'>
type Wait = Omit<Extract<Outgoing, { kind: 'wait' }>, 'backlog'>

export interface MessageNames {
  readonly edge: string
  readonly prefix: string
  /** Most bytes and levels of a topic that the cloud broker accepts; undefined: those of MQTT, and `CLOUD_LEVELS_MAX`. */
  readonly topicBytesMax: number | undefined
  readonly topicLevelsMax: number | undefined
}

/** Chooses the next message of the forward routes for one uplink, and balances messages against live readings. */
export class MessageScheduler {
  readonly #store: Store
  readonly #outbox: ForwardOutbox
  readonly #names: MessageNames
  /** Bytes of live readings that left while messages waited, minus bytes of messages that left. */
  #owed = 0

  constructor(store: Store, outbox: ForwardOutbox, names: MessageNames) {
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
      const problem = this.#problem(topic, target)
      if (problem === undefined) {
        this.#owed = Math.max(-OWED_BYTES_MAX, this.#owed - taken.payload.length)
        return { kind: 'message', id, topic, bytes: taken.payload, retain: retain === 1 }
      }
      this.#store.write(() => this.#outbox.refuse(id, { reason: problem, at: now, certain: true }))
    }
    return { kind: 'wait', ms: 0 }
  }

  /**
   * Why a message to this topic cannot be sent, or undefined. A broker that does not accept a topic closes the
   * connection, and readings would wait behind the message.
   */
  #problem(topic: string, target: string): string | undefined {
    const { prefix, edge, topicBytesMax = TOPIC_BYTES_MAX, topicLevelsMax = CLOUD_LEVELS_MAX } = this.#names
    if (topic === '') return 'its topic is empty after `to` has removed a part of it'
    if (topic.startsWith('$') && target.startsWith('{rest:'))
      return `its topic begins with $ after \`to\` has removed a part of it`
    if (Buffer.byteLength(topic) > topicBytesMax) return `its topic is longer than ${topicBytesMax} bytes`
    const tooDeep = levelsProblem(topic, topicLevelsMax)
    if (tooDeep !== undefined) return `its topic is not accepted: ${tooDeep}`
    const own = `${prefix}/${edge}/`
    if (!topic.startsWith(own)) return undefined
    const [level = ''] = topic.slice(own.length).split('/')
    return ['up', 'down', 'status'].includes(level) ? `${topic} is a topic of the uplink itself` : undefined
  }
}
