import type { CloudTopic } from './edge/state.ts'

/**
 * What leaves for the cloud: rows that say "publish the present `what` of this device". What that is, is looked up when
 * it leaves, so a row that waits already stands for everything that happens meanwhile.
 */
export interface Operation {
  readonly device: string
  readonly what: CloudTopic
  /** Negative answers so far. A lost link is none. */
  readonly attempts: number
  /** Not before this time, in UTC ms. */
  readonly due: number
  /** Raised by every request: an answer to an earlier one leaves the row. */
  readonly version: number
  /** A person decides what becomes of it; no other device waits for that. */
  readonly attention: boolean
  readonly reason: string
}

/** Of one device. There is one for each topic, so there cannot be more. */
export const OPERATIONS_MAX = 4
export const ATTEMPTS_MAX = 10
export const RETRY_MS_MIN = 1_000
export const RETRY_MS_MAX = 5 * 60_000

export type Answer =
  | { readonly kind: 'taken' }
  /** A broker or an ACL says no. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Nobody said anything. */
  | { readonly kind: 'lost' }

/** Requests a publication. The rows are those of one device, or of all: others are not touched. */
export function enqueue(rows: readonly Operation[], device: string, what: CloudTopic, now: number): Operation[] {
  const before = rows.find((row) => isFor(row, device, what))
  if (before === undefined) {
    return [...rows, { device, what, attempts: 0, due: now, version: 1, attention: false, reason: '' }]
  }
  return rows.map((row) => (row === before ? { ...row, version: row.version + 1 } : row))
}

/** The next row that may leave, the longest due first. A device that needs attention is passed over. */
export function nextOperation(rows: readonly Operation[], now: number): Operation | undefined {
  const stuck = new Set(rows.filter(({ attention }) => attention).map(({ device }) => device))
  return rows
    .filter(({ device, due }) => !stuck.has(device) && isDue(due, now))
    .reduce<Operation | undefined>((first, row) => (first && first.due <= row.due ? first : row), undefined)
}

/** A clock that was set back must not hold a row longer than the longest pause. */
function isDue(due: number, now: number): boolean {
  return due <= now || due - now > RETRY_MS_MAX
}

/** What an answer to the row `sent` makes of the rows. @param random uniform in [0, 1) */
export function answered(
  rows: readonly Operation[],
  sent: Operation,
  answer: Answer,
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

/** A person has looked: everything of the device is tried again. */
export function retry(rows: readonly Operation[], device: string, now: number): Operation[] {
  return rows.map((row) =>
    row.device === device ? { ...row, attempts: 0, due: now, attention: false, reason: '' } : row,
  )
}

function isFor(row: Operation, device: string, what: CloudTopic): boolean {
  return row.device === device && row.what === what
}
