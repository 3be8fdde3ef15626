import { pattern } from '../../base/pattern.ts'
import type { RetentionRule } from '../../settings/schema/retention.ts'
import type { Seal } from '../sealed/seals.ts'

const DAY_MS = 86_400_000

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

/**
 * Whether the readings of a series in a seal are past their time. This applies to all of them at once, because age
 * counts from the arrival of the seal's last reading. A device's own clock may be wrong, and must not cause readings of
 * today to be removed.
 */
export function isExpired({ receivedLast }: Seal, { rawMs }: RetentionPolicy, now: number): boolean {
  return rawMs !== undefined && now - receivedLast > rawMs
}
