import { oneLine } from '../base/text/one-line.ts'
import type { DownStatus } from '../store-thread/down-protocol.ts'
import type { DownLinkStats } from '../uplink/down/receiving.ts'

/** Connections that failed in a row before it is a problem: one or two are ordinary. */
const FAILURES_MIN = 3
/** A queue that is full for a shorter time (ms) is none, either. */
const FULL_MS = 10_000
const REASON_CHARS_MAX = 300

/** Problems with messages from the cloud for local clients. Pure. */
export function downProblems(
  links: readonly DownLinkStats[],
  { waiting, bytes, countMax, bytesMax }: DownStatus,
): string[] {
  const problems: string[] = []
  if (links.some(({ fullMs = 0 }) => fullMs >= FULL_MS)) {
    problems.push(
      `${waiting} messages (${bytes} bytes) from the cloud wait for local clients, and there is no room for more (at most ` +
        `${countMax} messages and ${bytesMax} bytes): the cloud broker keeps the rest. \`tidegate down list\` shows for ` +
        'which topics; connect their subscribers, shorten `expiryS` of the route, or remove them with `tidegate down drop`',
    )
  }
  for (const { uplink, connected, fullMs, failures, lastFailure } of links) {
    if (connected || fullMs !== undefined || failures < FAILURES_MIN || lastFailure === undefined) continue
    problems.push(
      `messages from the cloud do not arrive: the second connection of uplink ${uplink} fails ` +
        `(${oneLine(lastFailure, REASON_CHARS_MAX)}); check that the cloud broker allows its client id and its ` +
        'subscriptions (docs/down.md)',
    )
  }
  return problems
}
