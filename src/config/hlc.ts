/**
 * Hybrid logical clocks: a wall clock that never falls behind the times that it has seen. They rank concurrent edits
 * for the policy `lww`; nothing else depends on them.
 * @see https://cse.buffalo.edu/tech-reports/2014-04.pdf
 */
export interface Hlc {
  /** UTC milliseconds. */
  readonly ms: number
  /** Orders events within one millisecond. */
  readonly counter: number
  readonly node: string
}

/** A clock that is further ahead than this is wrong: it neither advances the own clock nor wins. */
export const DRIFT_MS_MAX = 5 * 60_000

export function formatHlc({ ms, counter, node }: Hlc): string {
  return `${ms}-${counter}-${node}`
}

/** Reads `ms-counter-node`; undefined for anything else. */
export function parseHlc(text: string): Hlc | undefined {
  const found = /^(\d{1,16})-(\d{1,16})-([A-Za-z0-9._-]{0,64})$/.exec(text)
  if (found === null) return undefined
  const hlc = { ms: Number(found[1]), counter: Number(found[2]), node: found[3]! }
  return Number.isSafeInteger(hlc.ms) && Number.isSafeInteger(hlc.counter) ? hlc : undefined
}

/** The order of two events by their clocks: −1, 1, or 0 if the clocks are equal. */
export function compareHlc(a: Hlc, b: Hlc): number {
  return Math.sign(a.ms - b.ms || a.counter - b.counter)
}

/** Whether this clock is so far ahead of `now` (UTC ms) that it must be wrong. */
export function isAhead(hlc: Hlc, now: number): boolean {
  return hlc.ms - now > DRIFT_MS_MAX
}

/** The clock of an edit that is made now. If the own clock was wrong and far ahead, it starts again from `now`. */
export function tick(last: Hlc, now: number): Hlc {
  if (now > last.ms || isAhead(last, now)) return { ms: Math.max(0, now), counter: 0, node: last.node }
  return { ...last, counter: last.counter + 1 }
}

/** The own clock after a message with the clock `seen`. */
export function receive(own: Hlc, seen: Hlc, now: number): Hlc {
  if (isAhead(seen, now) || compareHlc(seen, own) <= 0) return own
  return { ms: seen.ms, counter: seen.counter, node: own.node }
}
