import { oneLine } from '../../../base/text/one-line.ts'
import type { ParkedMessage } from '../../../store/reader.ts'
import { payloadText, plainPayload } from '../../payload.ts'
import { formatId } from './reject-id.ts'

/** A parked message as JSON: times in ISO 8601, payload in base64 and, if it is UTF-8, as text. */
export function plainMessage({ payload, ...row }: ParkedMessage): Record<string, unknown> {
  return {
    ...row,
    id: messageId(row),
    parkedAt: new Date(row.parkedAt).toISOString(),
    receivedAt: new Date(row.receivedAt).toISOString(),
    payloadBytes: payload.length,
    ...plainPayload(payload),
  }
}

export function formatMessage(row: ParkedMessage): string {
  return [
    `id        ${messageId(row)}`,
    `parked    ${new Date(row.parkedAt).toISOString()}${row.replay ? ', to be sent again' : ''}`,
    `uplink    ${row.uplink}`,
    `reason    ${oneLine(row.reason, 2_000)}`,
    `received  ${new Date(row.receivedAt).toISOString()}`,
    `topic     ${oneLine(row.topic, 200)}`,
    `QoS       ${row.qos}${row.retain ? ', retained' : ''}`,
    `payload   ${row.payload.length} bytes`,
    '',
    payloadText(row.payload),
  ].join('\n')
}

export function messageId({ id }: { readonly id: number }): string {
  return formatId({ kind: 'message', number: id })
}
