import { ALWAYS, type Interval } from './interval.ts'
import type { HistoryPlaces } from './range.ts'

/** Time of the earliest reading in the interval. Opens only blocks that overlap the start of the interval. */
export function firstTs(
  { sealed, open, tail }: HistoryPlaces,
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
  first = Math.min(first, tail.bounds(series, sealed.upTo, interval)?.first ?? Infinity)
  return first === Infinity ? undefined : first
}

/** Time of the latest reading in the interval. Opens only blocks that overlap the end of the interval. */
export function lastTs(
  { sealed, open, tail }: HistoryPlaces,
  series: number,
  interval: Interval = ALWAYS,
): number | undefined {
  const { from, to } = interval
  let last = tail.bounds(series, sealed.upTo, interval)?.last ?? -Infinity
  const heads = [...sealed.heads(series, interval)].sort((a, b) => b.tsMax - a.tsMax)
  for (const head of heads) {
    if (head.tsMax <= last) break
    if (head.tsMax < to) last = head.tsMax
    else for (const ts of open.open(head).columns.ts) if (ts < to && ts > last && ts >= from) last = ts
  }
  return last === -Infinity ? undefined : last
}
