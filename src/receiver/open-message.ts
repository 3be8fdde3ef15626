import type { LoopShare } from '../base/loop/loop-share.ts'
import type { SeqRange } from '../base/reading.ts'
import { decodeAmendments } from '../codec/amendments.ts'
import { type BatchHead, decodeInSteps, headInSteps } from '../codec/batch.ts'
import { RECEIPT_RANGES_MAX } from '../codec/receipt.ts'
import { decompressBegin } from '../codec/zstd.ts'
import type { Delivery, Reject } from './sink.ts'

/** A message as the broker delivered it. */
export interface ReceivedMessage {
  readonly topic: string
  readonly payload: Uint8Array
}

/** The limits of a receiver; a message above them is rejected, in bounded time and memory. */
export interface MessageLimits {
  readonly prefix: string
  readonly batchBytesMax: number
  readonly batchReadingsMax: number
}

/** An open message. If `edge` is undefined, the topic names no edge and the message cannot be answered. */
export interface Opened {
  readonly edge: string | undefined
  /** The receipt echoes these: '' if the message could not be opened. */
  readonly epoch: string
  readonly run: string
  /** The positions of a batch that was rejected; empty if its head could not be read. */
  readonly refused: readonly SeqRange[]
  readonly delivery: Delivery
}

/** A batch that unpacks to more is rejected: a small message must not exhaust the memory. */
const UNPACKED_BYTES_MAX = 16_777_216
/**
 * A rejected batch is opened up to these limits, to report its positions to the edge; beyond them no positions are
 * reported.
 */
export const HEAD_BYTES_MAX = 16_777_216
const HEAD_READINGS_MAX = 1_000_000
/** Amendments of one message; an edge sends at most 2,000. */
const AMENDMENTS_MAX = 10_000
/** Bytes that are kept of a payload that is larger than the settings allow. */
const OVERSIZE_KEPT_BYTES = 262_144
const EDGE_NAME = /^[A-Za-z0-9._-]{1,64}$/

/** Matches everything that edges send: `{prefix}/{edge}/up/{lane}`. */
export function upFilter(prefix: string): string {
  return `${prefix}/+/up/#`
}

/** Matches the status topic of every edge. */
export function statusFilter(prefix: string): string {
  return `${prefix}/+/status`
}

/** The edge to which a status topic belongs; undefined: it is not a status topic. */
export function statusEdge(topic: string, prefix: string): string | undefined {
  if (!topic.startsWith(`${prefix}/`) || !topic.endsWith('/status')) return undefined
  const edge = topic.slice(prefix.length + 1, -'/status'.length)
  return EDGE_NAME.test(edge) ? edge : undefined
}

export function requestTopic(prefix: string, edge: string): string {
  return `${prefix}/${edge}/down/request`
}

export function receiptTopic(prefix: string, edge: string): string {
  return `${prefix}/${edge}/down/receipt`
}

/** The edge that the topic of a message names; undefined: it names none. */
export function edgeOf({ topic }: ReceivedMessage, { prefix }: Pick<MessageLimits, 'prefix'>): string | undefined {
  return parseTopic(topic, prefix).edge
}

/** Opens a message. Never rejects: a message that cannot be opened becomes a reject with its reason. */
export async function openMessage(
  { topic, payload }: ReceivedMessage,
  limits: MessageLimits,
  share: LoopShare,
): Promise<Opened> {
  const { edge, lane } = parseTopic(topic, limits.prefix)
  const reject = (reason: string, { epoch, run, ranges: refused }: Known = UNKNOWN): Opened => {
    return {
      edge,
      epoch,
      run,
      refused,
      delivery: { kind: 'reject', reject: { edge, topic, reason, ...keptOf(payload, limits) } },
    }
  }
  const bounds = { readingsMax: limits.batchReadingsMax, rangesMax: RECEIPT_RANGES_MAX, bytesMax: UNPACKED_BYTES_MAX }
  if (edge === undefined) return reject('the topic names no edge')
  const isBatch = lane === 'live' || lane === 'backfill'
  if (payload.byteLength > limits.batchBytesMax) {
    return reject(`larger than ${limits.batchBytesMax} bytes`, isBatch ? await headOf(payload, edge, share) : UNKNOWN)
  }
  if (lane === 'amend') {
    const decoded = decodeAmendments(payload, { ...bounds, readingsMax: AMENDMENTS_MAX })
    if (!decoded.ok) return reject(decoded.reason)
    const { amendments } = decoded
    const { epoch, run } = amendments
    if (amendments.edge !== edge) return reject(foreign(amendments.edge), { epoch, run, ranges: [] })
    return { edge, epoch, run, refused: [], delivery: { kind: 'amendments', amendments } }
  }
  if (!isBatch) return reject('the topic names no lane: live, backfill or amend')
  const decoded = await share.run(decodeInSteps(payload, bounds))
  if (!decoded.ok) return reject(decoded.reason, await headOf(payload, edge, share))
  const { batch } = decoded
  const { epoch, run } = batch
  // No positions are refused: otherwise an edge that bisects the batch would find every reading to be bad.
  if (batch.edge !== edge) return reject(foreign(batch.edge), { epoch, run, ranges: [] })
  return { edge, epoch, run, refused: [], delivery: { kind: 'batch', batch } }
}

/** What is known of a message that is rejected. */
type Known = Pick<BatchHead, 'epoch' | 'run' | 'ranges'>
const UNKNOWN: Known = { epoch: '', run: '', ranges: [] }

/** The head of a batch of this edge, as far as it can be read in bounded time and memory. */
async function headOf(payload: Uint8Array, edge: string, share: LoopShare): Promise<Known> {
  if (payload.byteLength > HEAD_BYTES_MAX) return UNKNOWN
  const bounds = { readingsMax: HEAD_READINGS_MAX, rangesMax: RECEIPT_RANGES_MAX, bytesMax: UNPACKED_BYTES_MAX }
  const begin = await decompressBegin(payload, UNPACKED_BYTES_MAX)
  const head = begin && (await share.run(headInSteps(begin, bounds)))
  return head?.edge === edge ? head : UNKNOWN
}

/** The payload, or a copy of its beginning if it is larger than allowed: the rest need not wait for a commit. */
function keptOf(payload: Uint8Array, { batchBytesMax }: MessageLimits): Pick<Reject, 'payload' | 'payloadBytes'> {
  const keptBytes = Math.max(batchBytesMax, OVERSIZE_KEPT_BYTES)
  if (payload.byteLength <= keptBytes) return { payload }
  return { payload: new Uint8Array(payload.subarray(0, keptBytes)), payloadBytes: payload.byteLength }
}

function parseTopic(topic: string, prefix: string): { edge?: string; lane?: string } {
  if (!topic.startsWith(`${prefix}/`)) return {}
  const [edge, up, ...lane] = topic.slice(prefix.length + 1).split('/')
  if (edge === undefined || up !== 'up' || !EDGE_NAME.test(edge)) return {}
  return { edge, lane: lane.join('/') }
}

/** An edge must not write into the log of another edge. */
function foreign(edge: string): string {
  return `it names the edge ${JSON.stringify(edge)}, not the edge of the topic`
}
