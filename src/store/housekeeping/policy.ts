import { pattern } from '../../base/pattern.ts'
import type { RetentionRule } from '../../settings/schema/retention.ts'
import type { Seal } from '../sealed/seals.ts'

const DAY_MS = 86_400_000

/** What is kept of one series. Times are milliseconds; undefined: no such end. */
export interface Policy {
  /** The rule that says so; undefined: none does. */
  readonly rule: RetentionRule | undefined
  readonly rawMs: number | undefined
  /** Undefined: no hourly sums are kept. */
  readonly rollupMs: number | undefined
  readonly archive: boolean
  readonly thinMs: number | undefined
}

const UNRULED: Policy = { rule: undefined, rawMs: undefined, rollupMs: undefined, archive: false, thinMs: undefined }

/** Finds the policy of a series; asked once for each, so that a pattern is not matched with every block. */
export class Policies {
  readonly #rules: readonly { readonly matches: (name: string) => boolean; readonly policy: Policy }[]
  readonly #nameOf: (series: number) => string
  readonly #known = new Map<number, Policy>()
  /** The shortest time for which anything is kept (ms); Infinity where all is. */
  readonly rawMsMin: number

  /** @param nameOf `device/metric` of a series. */
  constructor(rules: readonly RetentionRule[], nameOf: (series: number) => string) {
    this.#rules = rules.map((rule) => ({ matches: pattern(rule.match), policy: policyOf(rule) }))
    this.#nameOf = nameOf
    this.rawMsMin = Math.min(Infinity, ...this.#rules.map(({ policy }) => policy.rawMs ?? Infinity))
  }

  of(series: number): Policy {
    let policy = this.#known.get(series)
    if (policy === undefined) {
      const name = this.#nameOf(series)
      policy = this.#rules.find(({ matches }) => matches(name))?.policy ?? UNRULED
      this.#known.set(series, policy)
    }
    return policy
  }
}

function policyOf(rule: RetentionRule): Policy {
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
 * Whether the readings that a series has in a seal are past their time: all of them are then, for age counts from the
 * arrival of the seal's last reading. A device's own clock may say anything, and must not remove what came today.
 */
export function isExpired({ receivedLast }: Seal, { rawMs }: Policy, now: number): boolean {
  return rawMs !== undefined && now - receivedLast > rawMs
}
