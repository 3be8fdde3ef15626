import type { PartialRejects } from '../../decode/draft.ts'

/** At most this many fields are listed with the message that is kept. */
const LINES_MAX = 16

/** The reason of a partial reject: one line for each field, with its place. */
export function partialReason({ count, fields }: PartialRejects): string {
  const lines = fields.slice(0, LINES_MAX).map(({ path, reason }) => `${path}: ${reason}`.replaceAll('\n', ' '))
  return [...lines, ...(count > lines.length ? [`and ${count - lines.length} more fields`] : [])].join('\n')
}
