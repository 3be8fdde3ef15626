import { OperatorError } from '../../../base/errors.ts'

/** What was rejected: a message that could not be decoded, or a reading or a forwarded message that a far side refuses. */
export type RejectKind = 'undecodable' | 'parked' | 'message'

export interface RejectId {
  readonly kind: RejectKind
  /** In its table. */
  readonly number: number
}

/** What people see before the number. */
const PREFIXES: Readonly<Record<RejectKind, string>> = { undecodable: '', parked: 'p', message: 'm' }

export function formatId({ kind, number }: RejectId): string {
  return `${PREFIXES[kind]}${number}`
}

/** @throws OperatorError */
export function parseId(text: string): RejectId {
  const [, prefix, digits] = /^([a-z]?)([1-9]\d{0,15})$/.exec(text) ?? []
  const kind = (Object.keys(PREFIXES) as RejectKind[]).find((one) => PREFIXES[one] === prefix)
  if (kind === undefined) throw noSuchReject(text)
  return { kind, number: Number(digits) }
}

export function noSuchReject(id: string): OperatorError {
  return new OperatorError(`there is no reject with the id "${id}"`, {
    remedy: '`tidegate rejects list` tells the ids; the oldest undecodable messages are removed first',
  })
}
