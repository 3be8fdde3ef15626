const OFFSET = /^([+-])(\d\d):?(\d\d)$/
const MINUTES_MAX = 14 * 60

/** Minutes east of UTC of a fixed zone: `UTC`, `Z`, `+05:30`, `-0800`; undefined: it is no fixed zone. */
export function fixedOffsetMinutes(zone: string): number | undefined {
  if (/^(?:utc|gmt|z)$/i.test(zone)) return 0
  const parts = OFFSET.exec(zone)
  if (parts === null) return undefined
  const minutes = Number(parts[2]) * 60 + Number(parts[3])
  if (Number(parts[3]) > 59 || minutes > MINUTES_MAX) return undefined
  return parts[1] === '-' ? -minutes : minutes
}

/** Why this is not a time zone, or undefined. */
export function zoneProblem(zone: string): string | undefined {
  if (fixedOffsetMinutes(zone) !== undefined) return undefined
  try {
    if (/^[A-Za-z]/.test(zone)) {
      new Intl.DateTimeFormat('en', { timeZone: zone })
      return undefined
    }
  } catch {
    // Reported below.
  }
  return 'must be an IANA time zone such as Europe/Berlin, UTC, or an offset such as +05:30'
}
