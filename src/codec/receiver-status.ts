/** Level of the topic; no edge can have this name. */
const RECEIVER_LEVEL = '$receiver'
/** A larger message is not read. */
const STATUS_BYTES_MAX = 1_024
const NAME_CHARS_MAX = 128

/**
 * What a receiver says of itself to the edges of its prefix, retained: all receivers of a prefix share one topic, because
 * some brokers keep no retained messages for filters with wildcards.
 */
export interface ReceiverStatus {
  readonly state: 'online' | 'offline'
  /** Client id of the receiver. */
  readonly receiver: string
  /**
   * Whether the broker kept the batches of its last connection. If not, batches that edges sent before this message may
   * be lost.
   */
  readonly kept: boolean
}

export function receiverStatusTopic(prefix: string): string {
  return `${prefix}/${RECEIVER_LEVEL}`
}

/** Match the status topics of receivers under other prefixes, of one and of two levels. */
export const RECEIVERS_ELSEWHERE: readonly string[] = [`+/${RECEIVER_LEVEL}`, `+/+/${RECEIVER_LEVEL}`]

/** The prefix of a status topic of receivers; undefined: it is another topic. */
export function receiverPrefix(topic: string): string | undefined {
  return topic.endsWith(`/${RECEIVER_LEVEL}`) ? topic.slice(0, -RECEIVER_LEVEL.length - 1) : undefined
}

export function encodeReceiverStatus({ state, receiver, kept }: ReceiverStatus): Buffer {
  return Buffer.from(JSON.stringify({ state, receiver: receiver.slice(0, NAME_CHARS_MAX), kept }))
}

/** Never throws; undefined: it is not a status of a receiver. */
export function decodeReceiverStatus(payload: Uint8Array): ReceiverStatus | undefined {
  if (payload.byteLength > STATUS_BYTES_MAX) return undefined
  try {
    const said: unknown = JSON.parse(Buffer.from(payload).toString())
    if (typeof said !== 'object' || said === null) return undefined
    const { state, receiver, kept }: Partial<Record<keyof ReceiverStatus, unknown>> = said
    if (state !== 'online' && state !== 'offline') return undefined
    return {
      state,
      receiver: typeof receiver === 'string' ? receiver.slice(0, NAME_CHARS_MAX) : '',
      kept: kept === true,
    }
  } catch {
    return undefined
  }
}
