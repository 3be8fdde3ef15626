import { pattern } from '../../base/pattern.ts'
import type { EdgeEvent } from '../../config/edge/state.ts'
import type { Json } from '../../config/json.ts'
import { parseRev } from '../../config/revision.ts'
import { type Edit, parseDesired, parseDeviceMessage, parseSet } from '../../config/wire.ts'
import type { ConfigSettings } from '../../settings/schema/config.ts'
import type { ConfigOrder } from '../../store/orders.ts'
import type { ConfigEvent } from '../config-protocol.ts'

/** Longest name, in bytes, of a device with a config. */
const DEVICE_BYTES_MAX = 128

/**
 * A readable event; or why it is not readable, which counter counts it, and the answer to its sender, if it gets one.
 */
export type Read =
  | { readonly ok: true; readonly event: EdgeEvent }
  | {
      readonly ok: false
      readonly count: 'malformed' | 'refused'
      readonly reason: string
      readonly answer?: { readonly id: string; readonly code: number; readonly rev: null; readonly message: string }
    }

/** Reads an incoming message about a config. Never throws, whatever the bytes are. */
export function readEvent(given: ConfigEvent, settings: Pick<ConfigSettings, 'editors'>): Read {
  if (Buffer.byteLength(given.device) > DEVICE_BYTES_MAX) {
    return { ok: false, count: 'malformed', reason: `the name of a device is longer than ${DEVICE_BYTES_MAX} bytes` }
  }
  if (given.kind === 'set') return readSet(given, settings)
  if (given.kind === 'ack') return readAck(given.payload)
  const message = parseDesired(given.payload, given.device)
  if (!message.ok) return { ok: false, count: 'malformed', reason: message.reason }
  return { ok: true, event: { kind: 'desired', message: message.value } }
}

function readSet(
  { device, payload, retained, client }: Extract<ConfigEvent, { kind: 'set' }>,
  { editors }: Pick<ConfigSettings, 'editors'>,
): Read {
  const set = parseSet(payload, { retained })
  const id = set.ok ? set.value.id : 'id' in set ? set.id : ''
  if (!editors.some((one) => pattern(one)(client))) {
    const message = `client ${client} may not edit configs: name it in config.editors`
    return { ok: false, count: 'refused', reason: message, answer: { id, code: 403, rev: null, message } }
  }
  if (!set.ok) {
    const { code, reason } = set
    return { ok: false, count: 'malformed', reason, answer: { id, code, rev: null, message: reason } }
  }
  const by = client === device ? `device:${device}` : `user:${client}`
  return { ok: true, event: { kind: 'set', set: set.value, by: by.slice(0, DEVICE_BYTES_MAX) } }
}

function readAck(payload: Uint8Array): Read {
  const read = parseDeviceMessage(payload)
  if (!read.ok) return { ok: false, count: 'malformed', reason: read.reason }
  const { rev, hash = '', code, message, config } = read.value
  const named = rev === undefined ? {} : { rev }
  if (config !== undefined) return { ok: true, event: { kind: 'device', ...named, config } }
  return { ok: true, event: { kind: 'ack', ...named, hash, code, message } }
}

/** Reads an order of a command, as `readEvent` does; a problem is answered on the result topic. */
export function readOrder(order: Exclude<ConfigOrder, { kind: 'config-retry' }>): Read {
  const { id, by } = order
  if (order.kind === 'config-resolve') {
    const { cid, take } = order
    return { ok: true, event: { kind: 'resolve', id, by, cid, take } }
  }
  const ifRev = order.ifRev === undefined ? undefined : parseRev(order.ifRev)
  if (ifRev === undefined && order.ifRev !== undefined) {
    const message = `${order.ifRev} is not a revision: write it like c12.1-e7.k3f9`
    return { ok: false, count: 'malformed', reason: message, answer: { id, code: 400, rev: null, message } }
  }
  const set = { id, ...(ifRev && { ifRev }), ...editOf(order) }
  return { ok: true, event: { kind: 'set', by, set } }
}

function editOf(order: Exclude<ConfigOrder, { kind: 'config-retry' | 'config-resolve' }>): Edit {
  if (order.kind === 'config-delete') return { delete: true }
  return order.kind === 'config-set' ? { config: order.config as Json } : { patch: order.patch as Json }
}
