import { pattern } from '../../base/pattern.ts'
import type { RetentionRule } from '../../settings/schema/retention.ts'

export const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
/**
 * Readings stay this much longer (ms) than their rule says: the store clock may be ahead of the true time by a little,
 * because clocks that differ by up to five minutes count as equal.
 */
const CLOCK_ERROR_MS = 600_000

/** The retention of one series. Times are milliseconds; undefined: no limit. */
export interface RetentionPolicy {
  /** The rule that it comes from; undefined: no rule matches. */
  readonly rule: RetentionRule | undefined
  readonly rawMs: number | undefined
  /** Undefined: no hourly sums are kept. */
  readonly rollupMs: number | undefined
  readonly archive: boolean
  readonly thinMs: number | undefined
}

const UNRULED: RetentionPolicy = {
  rule: undefined,
  rawMs: undefined,
  rollupMs: undefined,
  archive: false,
  thinMs: undefined,
}

/** Finds the policy of a series. The result is cached, so that a pattern is not matched for every block. */
export class Policies {
  readonly #rules: readonly { readonly matches: (name: string) => boolean; readonly policy: RetentionPolicy }[]
  readonly #nameOf: (series: number) => string
  readonly #known = new Map<number, RetentionPolicy>()
  /** The shortest time for which any series is kept (ms); Infinity: no rule has a limit. */
  readonly rawMsMin: number

  /** @param nameOf `device/metric` of a series. */
  constructor(rules: readonly RetentionRule[], nameOf: (series: number) => string) {
    this.#rules = rules.map((rule) => ({ matches: pattern(rule.match), policy: policyOf(rule) }))
    this.#nameOf = nameOf
    this.rawMsMin = Math.min(Infinity, ...this.#rules.map(({ policy }) => policy.rawMs ?? Infinity))
  }

  of(series: number): RetentionPolicy {
    let policy = this.#known.get(series)
    if (policy === undefined) {
      const name = this.#nameOf(series)
      policy = this.#rules.find(({ matches }) => matches(name))?.policy ?? UNRULED
      this.#known.set(series, policy)
    }
    return policy
  }

  /** The series does not exist any more. */
  forget(series: number): void {
    this.#known.delete(series)
  }
}

function policyOf(rule: RetentionRule): RetentionPolicy {
  const ms = (days: number | undefined): number | undefined => (days === undefined ? undefined : days * DAY_MS)
  return {
    rule,
    rawMs: ms(rule.rawDays),
    rollupMs: ms(rule.rollupDays),
    archive: rule.archive,
    thinMs: rule.thinS === undefined ? undefined : rule.thinS * 1_000,
  }
}

/** Hourly sums of readings that arrived before this time are past their time. @param now UTC ms of the store clock */
export function sumsOverdueBefore({ rollupMs = Infinity }: Pick<RetentionPolicy, 'rollupMs'>, now: number): number {
  return Math.floor((now - rollupMs - CLOCK_ERROR_MS) / HOUR_MS) * HOUR_MS
}

/**
 * By how much (ms) the readings of a series in a seal are past their time; not above 0: they are not. This applies to
 * all of them at once, because age counts from the arrival of the seal's last reading. A device's own clock may be
 * wrong, and must not cause readings of today to be removed.
 * @param arrivedAt of the last reading of the seal, and `now`: UTC ms of the store clock
 */
export function overdueMs(
  arrivedAt: number,
  { rawMs = Infinity }: Pick<RetentionPolicy, 'rawMs'>,
  now: number,
): number {
  return now - arrivedAt - rawMs - CLOCK_ERROR_MS
}
