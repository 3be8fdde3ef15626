export interface BackoffRule {
  readonly minMs: number
  readonly maxMs: number
}

/**
 * Time to wait (ms) before attempt number `attempt` (0 is the first one after a failure): random between 0 and a
 * ceiling that doubles from `minMs` to `maxMs`. With full jitter, a thousand edges that lost the same broker do not
 * reconnect in the same second.
 * @param random uniform in [0, 1)
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoffMs(attempt: number, rule: BackoffRule, random: () => number): number {
  const ceilingMs = Math.min(rule.maxMs, rule.minMs * 2 ** attempt)
  return Math.floor(random() * ceilingMs)
}
