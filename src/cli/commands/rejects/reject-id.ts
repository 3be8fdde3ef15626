import { OperatorError } from '../../../base/errors.ts'

/** A message that could not be decoded, or a reading or forwarded message that the receiver or cloud broker refuses. */
export type RejectKind = 'undecodable' | 'parked' | 'message'

export interface RejectId {
  readonly kind: RejectKind
  /** Row id in the table of this kind. */
  readonly number: number
}

/** The letter before the number, in the ids that the commands print and accept. */
const PREFIXES: Readonly<Record<RejectKind, string>> = { undecodable: '', parked: 'p', message: 'm' }

export function formatId({ kind, number }: RejectId): string {
  return `${PREFIXES[kind]}${number}`
}

/** @throws OperatorError if the text is not an id */
export function parseId(text: string): RejectId {
  const [, prefix, digits] = /^([a-z]?)([1-9]\d{0,15})$/.exec(text) ?? []
  const kind = (Object.keys(PREFIXES) as RejectKind[]).find((one) => PREFIXES[one] === prefix)
  if (kind === undefined) throw noSuchReject(text)
  return { kind, number: Number(digits) }
}

export function noSuchReject(id: string): OperatorError {
  return new OperatorError(`there is no reject with the id "${id}"`, {
    remedy: '`tidegate rejects list` shows the ids; the edge may have removed an old undecodable message',
  })
}
