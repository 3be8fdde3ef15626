/** Longest topic: the length field of an MQTT string has 16 bits (MQTT 3.1.1 §1.5.3). */
export const TOPIC_BYTES_MAX = 65_535
/** Longest name of a device or metric, in UTF-16 units: names are stored and sent with every series. */
export const NAME_CHARS_MAX = 128

/** Why this text cannot be an MQTT string in a packet (MQTT 3.1.1 §1.5.3, §4.7.3), or undefined. */
function stringProblem(text: string): string | undefined {
  if (text === '') return 'it is empty'
  if (text.includes('\0')) return 'it contains U+0000'
  if (!text.isWellFormed()) return 'it contains a lone surrogate, which UTF-8 cannot carry'
  if (text.length * 3 > TOPIC_BYTES_MAX && Buffer.byteLength(text) > TOPIC_BYTES_MAX) {
    return `it is longer than ${TOPIC_BYTES_MAX} bytes of UTF-8`
  }
  return undefined
}

/** Why this is not a legal topic to publish to (MQTT 3.1.1 §4.7), or undefined. */
export function topicProblem(topic: string): string | undefined {
  if (topic.includes('+') || topic.includes('#')) return 'it contains a wildcard'
  return stringProblem(topic)
}

/** Why this is not a legal topic filter (MQTT 3.1.1 §4.7.1), or undefined. */
export function filterProblem(filter: string): string | undefined {
  const problem = stringProblem(filter)
  if (problem !== undefined || !(filter.includes('+') || filter.includes('#'))) return problem
  const levels = filter.split('/')
  for (const [index, level] of levels.entries()) {
    if (level.includes('+') && level !== '+') return `'+' must be a whole level, not part of "${level}"`
    if (level.includes('#') && level !== '#') return `'#' must be a whole level, not part of "${level}"`
    if (level === '#' && index < levels.length - 1) return `'#' must be the last level`
  }
  return undefined
}

/** Why this is not a legal name of a device or metric, or undefined. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'an empty name'
  if (name.length > NAME_CHARS_MAX) return `a name longer than ${NAME_CHARS_MAX} characters`
  let surrogates = false
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i)
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return 'a name with a control character'
    if (code >= 0xd800 && code <= 0xdfff) surrogates = true
  }
  return surrogates && !name.isWellFormed() ? 'a name with a lone surrogate' : undefined
}

/** Whether a legal filter covers a legal topic. A leading wildcard does not cover `$…` topics (MQTT 3.1.1 §4.7.2). */
export function filterMatches(filter: string, topic: string): boolean {
  return matchLevels(filter.split('/'), topic, undefined)
}

/** What a route reads from a topic. The names are unchecked: use `nameProblem`. */
export interface RouteMatch {
  readonly device: string
  /** Undefined when the template has no `{metric}`: the payload names its metrics. */
  readonly metric: string | undefined
}

/** A compiled route template. */
export interface Route {
  readonly template: string
  /** What the template reads from a legal topic, or undefined when the topic does not match. */
  match(topic: string): RouteMatch | undefined
}

/**
 * Compiles a template such as `telemetry/{device}/{metric}`: literal levels, `{device}` (once), `{metric}` (at most
 * once), `+`, and a trailing `#`, each a whole level. It matches the same topics as a filter with `+` for each `{…}`.
 * @throws Error that names the mistake in any other template
 */
export function compileRoute(template: string): Route {
  const problem = templateProblem(template)
  if (problem !== undefined) throw new Error(`route "${template}": ${problem}`)
  const levels = template.split('/')
  return {
    template,
    match(topic) {
      const found: Captures = { device: '', metric: undefined }
      return matchLevels(levels, topic, found) ? found : undefined
    },
  }
}

function templateProblem(template: string): string | undefined {
  const problem = filterProblem(template)
  if (problem !== undefined) return problem
  const levels = template.split('/')
  for (const level of levels) {
    if (!/[{}]/.test(level) || level === '{device}' || level === '{metric}') continue
    return /\{(device|metric)\}/.test(level)
      ? `a placeholder must be a whole level, not part of "${level}"`
      : `unknown placeholder "${level}"; there are {device} and {metric}`
  }
  const count = (placeholder: string): number => levels.filter((level) => level === placeholder).length
  if (count('{device}') !== 1) return `it must contain {device} once, not ${count('{device}')} times`
  if (count('{metric}') > 1) return `it must not contain {metric} more than once`
  return undefined
}

type Captures = { -readonly [K in keyof RouteMatch]: RouteMatch[K] }

/**
 * Scans the topic once without splitting it. With `found`, `{device}` and `{metric}` match a level and store it there.
 */
function matchLevels(levels: readonly string[], topic: string, found: Captures | undefined): boolean {
  let start = 0
  for (const level of levels) {
    const named = found !== undefined && (level === '{device}' || level === '{metric}')
    const wild = named || level === '+' || level === '#'
    if (wild && start === 0 && topic.startsWith('$')) return false
    if (level === '#') return true
    if (start > topic.length) return false
    const slash = topic.indexOf('/', start)
    const end = slash === -1 ? topic.length : slash
    if (named) found[level === '{device}' ? 'device' : 'metric'] = topic.slice(start, end)
    else if (!wild && (end - start !== level.length || !topic.startsWith(level, start))) return false
    start = end + 1
  }
  return start > topic.length
}
