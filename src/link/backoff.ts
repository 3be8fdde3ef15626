export interface BackoffRule {
  readonly minMs: number
  readonly maxMs: number
}

/**
 * How long to wait before attempt number `attempt` (0 is the first one after a failure): any time between 0 and a
 * ceiling that doubles from `minMs` to `maxMs`. Full jitter: a thousand edges that lost the same broker do not come
 * back in the same second.
 * @param random uniform in [0, 1)
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoffMs(attempt: number, rule: BackoffRule, random: () => number): number {
  const ceilingMs = Math.min(rule.maxMs, rule.minMs * 2 ** attempt)
  return Math.floor(random() * ceilingMs)
}
