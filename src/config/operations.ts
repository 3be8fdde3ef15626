import type { CloudTopic } from './edge/state.ts'

/**
 * A row in the queue to the cloud. It means "publish the current `what` of this device"; the content is read when the
 * row is sent, so a waiting row also covers later changes.
 */
export interface Operation {
  readonly device: string
  readonly what: CloudTopic
  /** Number of negative answers so far. A lost link does not count. */
  readonly attempts: number
  /** Not to be sent before this time, UTC milliseconds. */
  readonly due: number
  /** Raised by every request: an answer to an earlier one does not remove the row. */
  readonly version: number
  /** The row needs a person (`config retry`). Other devices are not affected. */
  readonly attention: boolean
  readonly reason: string
}

/** Maximum number of rows of one device: one for each topic. */
export const OPERATIONS_MAX = 3
export const ATTEMPTS_MAX = 10
export const RETRY_MS_MIN = 1_000
export const RETRY_MS_MAX = 5 * 60_000

export type OperationAnswer =
  | { readonly kind: 'taken' }
  /** The broker refused the message, for example because of an access rule. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** There was no answer. */
  | { readonly kind: 'lost' }

/**
 * Requests a publication. `rows` are those of one device or of all; those of other devices stay unchanged.
 * @param now UTC ms
 */
export function enqueue(rows: readonly Operation[], device: string, what: CloudTopic, now: number): Operation[] {
  const before = rows.find((row) => isFor(row, device, what))
  if (before === undefined) {
    return [...rows, { device, what, attempts: 0, due: now, version: 1, attention: false, reason: '' }]
  }
  return rows.map((row) => (row === before ? { ...row, version: row.version + 1 } : row))
}

/** The next row to send: the one with the earliest `due`. Devices that need attention are skipped. @param now UTC ms */
export function nextOperation(rows: readonly Operation[], now: number): Operation | undefined {
  const stuck = new Set(rows.filter(({ attention }) => attention).map(({ device }) => device))
  return rows
    .filter(({ device, due }) => !stuck.has(device) && isDue(due, now))
    .reduce<Operation | undefined>((first, row) => (first && first.due <= row.due ? first : row), undefined)
}

/** A clock that was set back must not delay a row by more than the longest pause. */
function isDue(due: number, now: number): boolean {
  return due <= now || due - now > RETRY_MS_MAX
}

/**
 * The rows after an answer to the row `sent`.
 * @param sent the row as it was when it was sent
 * @param now UTC milliseconds
 * @param random uniform in [0, 1)
 */
export function answered(
  rows: readonly Operation[],
  sent: Operation,
  answer: OperationAnswer,
  now: number,
  random: () => number,
): Operation[] {
  return rows.flatMap((row) => {
    if (!isFor(row, sent.device, sent.what)) return [row]
    if (answer.kind === 'lost') return [row]
    if (answer.kind === 'taken') {
      return row.version === sent.version ? [] : [{ ...row, attempts: 0, due: now, attention: false, reason: '' }]
    }
    const attempts = row.attempts + 1
    const attention = attempts >= ATTEMPTS_MAX
    const ceiling = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** row.attempts)
    return [{ ...row, attempts, attention, due: now + Math.floor(random() * ceiling), reason: answer.reason }]
  })
}

/** All rows of a device are tried again, at the request of a person. */
export function retry(rows: readonly Operation[], device: string, now: number): Operation[] {
  return rows.map((row) =>
    row.device === device ? { ...row, attempts: 0, due: now, attention: false, reason: '' } : row,
  )
}

function isFor(row: Operation, device: string, what: CloudTopic): boolean {
  return row.device === device && row.what === what
}
