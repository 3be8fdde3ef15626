import { decodeAmendments } from '../codec/amendments.ts'
import { decodeBatch } from '../codec/batch.ts'
import type { Delivery } from './sink.ts'

/** A message as the broker brought it. */
export interface Message {
  readonly topic: string
  readonly payload: Uint8Array
}

/** What a receiver takes at most; a message above it is rejected, in bounded time and memory. */
export interface OpeningLimits {
  readonly prefix: string
  readonly batchBytesMax: number
  readonly batchReadingsMax: number
}

/** A message, opened. Where `edge` is undefined the topic names none, and there is nobody to answer. */
export interface Opened {
  readonly edge: string | undefined
  /** What the receipt echoes: '' where the message could not be opened. */
  readonly epoch: string
  readonly run: string
  readonly delivery: Delivery
}

/** A batch that unpacks to more is rejected: a small message must not fill the memory. */
const UNPACKED_BYTES_MAX = 134_217_728
const EDGE_NAME = /^[A-Za-z0-9._-]{1,64}$/

/** All that edges send: `{prefix}/{edge}/up/{lane}`. */
export function upFilter(prefix: string): string {
  return `${prefix}/+/up/#`
}

export function receiptTopic(prefix: string, edge: string): string {
  return `${prefix}/${edge}/down/receipt`
}

/** Opens a message. Never throws: what cannot be opened comes out as a reject with its reason. */
export function openMessage({ topic, payload }: Message, limits: OpeningLimits): Opened {
  const { edge, lane } = parseTopic(topic, limits.prefix)
  const reject = (reason: string, { epoch, run } = { epoch: '', run: '' }): Opened => {
    return { edge, epoch, run, delivery: { kind: 'reject', reject: { topic, reason, payload } } }
  }
  const bounds = { readingsMax: limits.batchReadingsMax, bytesMax: UNPACKED_BYTES_MAX }
  if (edge === undefined) return reject('the topic names no edge')
  if (payload.byteLength > limits.batchBytesMax) return reject(`larger than ${limits.batchBytesMax} bytes`)
  if (lane === 'amend') {
    const decoded = decodeAmendments(payload, bounds)
    if (!decoded.ok) return reject(decoded.reason)
    const { amendments } = decoded
    if (amendments.edge !== edge) return reject(foreign(amendments.edge), amendments)
    return { edge, epoch: amendments.epoch, run: amendments.run, delivery: { kind: 'amendments', amendments } }
  }
  if (lane !== 'live' && lane !== 'backfill') return reject('the topic names no lane: live, backfill or amend')
  const decoded = decodeBatch(payload, bounds)
  if (!decoded.ok) return reject(decoded.reason)
  const { batch } = decoded
  if (batch.edge !== edge) return reject(foreign(batch.edge), batch)
  return { edge, epoch: batch.epoch, run: batch.run, delivery: { kind: 'batch', batch } }
}

function parseTopic(topic: string, prefix: string): { edge?: string; lane?: string } {
  if (!topic.startsWith(`${prefix}/`)) return {}
  const [edge, up, ...lane] = topic.slice(prefix.length + 1).split('/')
  if (edge === undefined || up !== 'up' || !EDGE_NAME.test(edge)) return {}
  return { edge, lane: lane.join('/') }
}

/** An edge must not write into the log of another one. */
function foreign(edge: string): string {
  return `it says that it comes from the edge ${JSON.stringify(edge)}, not from the one in the topic`
}
