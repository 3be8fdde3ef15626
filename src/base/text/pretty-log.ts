import { oneLine, printable } from './one-line.ts'

/** Length of a value in a line for people (UTF-16 units). */
const VALUE_CHARS_MAX = 300
/** Levels at which the stack of an error is printed: a person must act, and may have to report it. */
const WITH_STACK = ['error', 'fatal']

/**
 * A line of the JSON log for people: time, level, what happened, and the other members as `key=value`.
 *
 *     2026-11-30T20:32:01.652Z WARN  the connection to the cloud failed or ended  part=uplink uplink=cloud reason="…"
 *
 * @param line a line of the log; one that is not JSON is returned as it is
 */
export function prettyLine(line: string): string {
  const entry = parsed(line)
  if (entry === undefined) return line
  const { level, time, msg, err, pid: _pid, name: _name, ...rest } = entry
  const { message, stack } = (err ?? {}) as { readonly message?: unknown; readonly stack?: unknown }
  const isRepeated = Object.values(rest).some((value) => typeof value === 'string' && String(message).includes(value))
  const members = [
    ...Object.entries(rest),
    ...(message === undefined || isRepeated ? [] : [['error', message] as [string, unknown]]),
  ].map(([key, value]) => `${key}=${shown(value)}`)
  const head = [time, String(level).toUpperCase().padEnd(5), oneLine(String(msg ?? ''), VALUE_CHARS_MAX)].join(' ')
  const more = members.length === 0 ? '' : `  ${members.join(' ')}`
  const trace = WITH_STACK.includes(String(level)) && typeof stack === 'string' ? `${printable(stack)}\n` : ''
  return `${head}${more}\n${trace}`
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const entry: unknown = JSON.parse(line)
    return typeof entry === 'object' && entry !== null ? (entry as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** A word as it is; any other text, list or mapping as JSON. */
function shown(value: unknown): string {
  const text = typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
  return oneLine(text, VALUE_CHARS_MAX)
}
