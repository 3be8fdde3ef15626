import { reasonNames } from '../../../base/flags.ts'
import { oneLine } from '../../../base/text/one-line.ts'
import type { ParkedRow } from '../../../store/reader.ts'
import { formatId } from './reject-id.ts'

/** A parked reading as JSON: times in ISO 8601, bytes in base64. */
export function plainParked(row: ParkedRow): Record<string, unknown> {
  const { value, reasons } = row
  return {
    ...row,
    id: parkedId(row),
    parkedAt: new Date(row.parkedAt).toISOString(),
    value: value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value,
    reasons: reasonNames(reasons),
  }
}

export function formatParked(row: ParkedRow): string {
  const { value } = row
  const text = value instanceof Uint8Array ? `${value.length} bytes` : oneLine(String(value), 2_000)
  return [
    `id        ${parkedId(row)}`,
    `parked    ${new Date(row.parkedAt).toISOString()}${row.replay ? ', to be sent again' : ''}`,
    `uplink    ${row.uplink}`,
    `reason    ${oneLine(row.reason, 2_000)}`,
    `device    ${oneLine(row.device, 200)}`,
    `metric    ${oneLine(row.metric, 200)}`,
    `time      ${new Date(row.ts).toISOString()}`,
    `position  ${row.seq}`,
    `quality   ${[row.quality, ...reasonNames(row.reasons)].join(' ')}`,
    `value     ${text}`,
  ].join('\n')
}

export function parkedId({ id }: ParkedRow): string {
  return formatId({ kind: 'parked', number: id })
}
