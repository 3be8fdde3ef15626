import { oneLine } from '../../../base/text/one-line.ts'
import type { RejectRow } from '../../../store/reader.ts'
import { payloadText, plainPayload } from '../../payload.ts'

/**
 * An undecodable message as JSON: time in ISO 8601, payload in base64 and, if it is UTF-8, as text. `partial`: only
 * `fields` fields of it were not understood, and `reason` has a line for each.
 */
export function plainUndecodable({ receivedAt, payload, ...row }: RejectRow): Record<string, unknown> {
  return {
    ...row,
    receivedAt: new Date(receivedAt).toISOString(),
    partial: row.fields > 0,
    truncated: payload.length < row.payloadBytes,
    ...plainPayload(payload),
  }
}

export function formatUndecodable(row: RejectRow): string {
  const cut = row.payload.length < row.payloadBytes ? `, of which the first ${row.payload.length} are kept` : ''
  return [
    `id        ${row.id}`,
    `received  ${new Date(row.receivedAt).toISOString()}`,
    `device    ${oneLine(row.device, 200)}`,
    `client    ${oneLine(row.client, 200)}`,
    `topic     ${oneLine(row.topic, 200)}`,
    ...(row.fields > 0 ? [`partial   ${fieldsText(row)} not understood; the rest of the message is stored`] : []),
    ...row.reason.split('\n').map((line, i) => `${i === 0 ? 'reason  ' : '        '}  ${oneLine(line, 2_000)}`),
    `payload   ${row.payloadBytes} bytes${cut}`,
    '',
    payloadText(row.payload),
  ].join('\n')
}

/** `1 field is` or `3 fields are`. */
export function fieldsText({ fields }: Pick<RejectRow, 'fields'>): string {
  return fields === 1 ? '1 field is' : `${fields} fields are`
}
