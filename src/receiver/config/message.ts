import { z } from 'zod'
import { nameProblem } from '../../base/topics.ts'
import type { ConflictRecord } from '../../config/conflict.ts'
import { parseJson } from '../../config/document.ts'
import { readCloudTopic } from '../../config/topics.ts'
import { parseRevision } from '../../config/wire.ts'
import type { Reported } from './config-store.ts'
import type { DeviceEvent } from './device.ts'
import type { DeviceKey } from './device-key.ts'

const EDGE_NAME = /^[A-Za-z0-9._-]{1,64}$/

const counter = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const rev = z.object({ c: counter, ci: counter, e: counter, ei: z.string().max(32) })
const hash = z.string().max(64)
const text = z.string().max(512)

const reportedMessage = z.object({
  rev,
  hash,
  status: z.enum(['none', 'pending', 'applied', 'refused', 'drifted', 'silent']),
  code: z.number().int().nullable(),
  message: text.nullable(),
  confirmed: z.object({ rev, hash }).nullable(),
})

const conflictMessage = z.object({
  cid: z.string().regex(/^[0-9a-f]{16}$/),
  kind: z.enum(['merge', 'two_way', 'delete_modify', 'schema', 'fork']),
  status: z.enum(['open', 'resolved']),
  ancestor: rev.nullable(),
  edge: rev,
  cloud: rev,
  paths: z
    .array(
      z.object({
        path: z.string(),
        kind: z.enum(['merge', 'delete_modify']),
        base: z.json().optional(),
        edge: z.json().optional(),
        cloud: z.json().optional(),
      }),
    )
    .max(64),
  truncated: z.boolean(),
  problems: z.array(text).max(16),
  running: z.object({ rev, hash }).nullable(),
  opened: counter,
  deadline: counter,
  resolution: z
    .object({ take: z.enum(['edge', 'cloud', 'config', 'merged']), by: z.string().max(128), rev, at: counter })
    .nullable(),
})

/** Why this key is invalid; undefined: it is valid. */
export function keyProblem({ edge, device }: DeviceKey): string | undefined {
  if (!EDGE_NAME.test(edge)) return `"${edge}" is not a valid edge name: it must have 1 to 64 of A–Z a–z 0–9 . _ -`
  const problem = nameProblem(device) ?? (/[/+#]/.test(device) ? 'a name with /, + or #' : undefined)
  return problem === undefined ? undefined : `"${device}" is not a valid device name: it is ${problem}`
}

/** An open message of an edge about the config of a device. */
export interface CloudConfigMessage {
  readonly key: DeviceKey
  readonly event: DeviceEvent
}

/** The device of this topic; undefined: it is not a topic of config sync, or not one that an edge publishes. */
export function configTopic(
  topic: string,
  prefix: string,
): (DeviceKey & { what: 'head' | 'reported' | 'conflict' }) | undefined {
  const read = readCloudTopic(prefix, topic)
  if (read === undefined || read.what === 'desired') return undefined
  const { edge, device, what } = read
  return keyProblem({ edge, device }) === undefined ? { edge, device, what } : undefined
}

/**
 * Opens a config message of an edge. Never throws; an unreadable message is an event too. Undefined: it says nothing.
 */
export function openConfigMessage(
  { what, ...key }: DeviceKey & { readonly what: 'head' | 'reported' | 'conflict' },
  payload: Uint8Array,
): CloudConfigMessage | undefined {
  if (what === 'head') {
    if (payload.byteLength === 0) return undefined // cleared after a tombstone; that itself changes nothing
    const read = parseRevision(payload, key.device)
    return { key, event: read.ok ? { kind: 'head', revision: read.value } : { kind: 'malformed', reason: read.reason } }
  }
  if (payload.byteLength === 0) {
    return { key, event: what === 'reported' ? { kind: what, reported: null } : { kind: what, conflict: null } }
  }
  return { key, event: opened(what, payload) }
}

function opened(what: 'reported' | 'conflict', payload: Uint8Array): DeviceEvent {
  const json = parseJson(payload)
  if (!json.ok) return { kind: 'malformed', reason: json.reason }
  const read = what === 'reported' ? reportedMessage.safeParse(json.value) : conflictMessage.safeParse(json.value)
  if (!read.success) return { kind: 'malformed', reason: `${what}: ${z.prettifyError(read.error).slice(0, 512)}` }
  return what === 'reported'
    ? { kind: what, reported: read.data as Reported }
    : { kind: what, conflict: read.data as ConflictRecord }
}
