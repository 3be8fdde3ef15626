import { ALWAYS, type Interval } from './interval.ts'
import type { Places } from './range.ts'

/** Time of the earliest reading in the interval. Opens only blocks across its beginning. */
export function firstTs(
  { sealed, open, tail }: Places,
  series: number,
  interval: Interval = ALWAYS,
): number | undefined {
  const { from, to } = interval
  let first = Infinity
  for (const head of sealed.heads(series, interval)) {
    if (head.tsMin >= first) break
    if (head.tsMin >= from) first = head.tsMin
    else for (const ts of open.open(head).columns.ts) if (ts >= from && ts < Math.min(first, to)) first = ts
  }
  const [row] = tail.firsts(series, sealed.upTo, { after: { ts: from, seq: 0 }, to: Math.min(first, to), limit: 1 })
  first = Math.min(first, row?.ts ?? Infinity)
  return first === Infinity ? undefined : first
}

/** Time of the latest reading in the interval. Opens only blocks across its end. */
export function lastTs(
  { sealed, open, tail }: Places,
  series: number,
  interval: Interval = ALWAYS,
): number | undefined {
  const { from, to } = interval
  let last = tail.latestTs(series, sealed.upTo, interval) ?? -Infinity
  const heads = [...sealed.heads(series, interval)].sort((a, b) => b.tsMax - a.tsMax)
  for (const head of heads) {
    if (head.tsMax <= last) break
    if (head.tsMax < to) last = head.tsMax
    else for (const ts of open.open(head).columns.ts) if (ts < to && ts > last && ts >= from) last = ts
  }
  return last === -Infinity ? undefined : last
}
