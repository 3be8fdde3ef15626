/** The latest time that a Date can represent, UTC milliseconds. */
const TIME_MAX = 8_640_000_000_000_000

/** Members with these names are times, in UTC milliseconds. Every other figure that has a unit ends with it. */
const TIME_NAME = /^(at|time)$|At$/

/** A copy of JSON data in which times are ISO 8601 in UTC, as in all other answers. */
export function withIsoTimes(data: unknown, name = ''): unknown {
  if (typeof data === 'number') return TIME_NAME.test(name) ? isoTime(data) : data
  if (Array.isArray(data)) return data.map((one) => withIsoTimes(one))
  if (typeof data !== 'object' || data === null) return data
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, withIsoTimes(value, key)]))
}

function isoTime(ts: number): string | number {
  return Math.abs(ts) <= TIME_MAX ? new Date(ts).toISOString() : ts
}
