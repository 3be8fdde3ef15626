/** Longest topic: the length field of an MQTT string has 16 bits (MQTT 3.1.1 §1.5.3). */
export const TOPIC_BYTES_MAX = 65_535
/**
 * Most levels of a topic, filter or route template. The index of subscriptions (qlobber) throws at more than 100: the
 * difference is room for levels that a prefix adds.
 */
export const LEVELS_MAX = 64
/** Most levels of a topic on a cloud broker: those of a topic, and those that prefix and template add. */
export const CLOUD_LEVELS_MAX = 100
/** Longest name of a device or metric, in UTF-16 units: names are stored and sent with every series. */
export const NAME_CHARS_MAX = 128

/** Why a text has too many levels, or undefined. Counts without splitting it. */
export function levelsProblem(text: string, levelsMax = LEVELS_MAX): string | undefined {
  let levels = 1
  for (let at = text.indexOf('/'); at !== -1; at = text.indexOf('/', at + 1)) levels++
  return levels > levelsMax ? `it has ${levels} levels; at most ${levelsMax} are allowed` : undefined
}

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
  return stringProblem(topic) ?? levelsProblem(topic)
}

/** Why this is not a legal topic filter (MQTT 3.1.1 §4.7.1), or undefined. */
export function filterProblem(filter: string): string | undefined {
  const problem = stringProblem(filter) ?? levelsProblem(filter)
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

/** Whether there is a topic that both legal filters cover. */
export function filtersOverlap(one: string, other: string): boolean {
  const [left, right] = [one.split('/'), other.split('/')]
  const isWild = (level: string | undefined): boolean => level === '+' || level === '#'
  if ((isWild(left[0]) && other.startsWith('$')) || (isWild(right[0]) && one.startsWith('$'))) return false
  for (let at = 0; ; at++) {
    const [a, b] = [left[at], right[at]]
    if (a === '#' || b === '#') return true
    if (a === undefined || b === undefined) return a === b
    if (a !== b && a !== '+' && b !== '+') return false
  }
}

/** What a route reads from a topic. The names are unchecked, and cut if they are too long: use `nameProblem`. */
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
 * Compiles a template such as `telemetry/{device}/{metric}`: literal levels, `{device}` (at least once), `{metric}`,
 * `+`, and a trailing `#`, each a whole level. It matches the same topics as a filter with `+` for each `{…}`.
 *
 * Levels of a placeholder that occurs several times are joined with `.`, in the order of the topic. As the last level,
 * `{device#}` or `{metric#}` stands for one or more levels, which are joined too. See `nameOf`.
 * @throws Error that names the mistake in any other template
 */
export function compileRoute(template: string): Route {
  const problem = templateProblem(template)
  if (problem !== undefined) throw new Error(`route "${template}": ${problem}`)
  const levels = template.split('/')
  const isJoined = { device: joins(levels, 'device'), metric: joins(levels, 'metric') }
  return {
    template,
    match(topic) {
      const found: Captures = { device: [], metric: [] }
      if (!matchLevels(levels, topic, found)) return undefined
      return { device: nameOf(found.device, isJoined.device)!, metric: nameOf(found.metric, isJoined.metric) }
    },
  }
}

/** Between the levels of a name that is made of several ones. */
const SEPARATOR = '.'

/** A name that is too long is cut to this length, which is too long as well: a topic can be as long as 64 KB. */
const CUT_CHARS = NAME_CHARS_MAX + 1

/**
 * The name that levels of a topic make. Several levels are joined with `.`; a `.` or `%` inside one of them is written
 * `%2E` or `%25`, so that different topics never make the same legal name.
 */
function nameOf(levels: readonly string[], isJoined: boolean): string | undefined {
  if (!isJoined) return levels[0]?.slice(0, CUT_CHARS)
  const escaped = levels.map((level) => level.replace(/[%.]/g, (sign) => (sign === '.' ? '%2E' : '%25')))
  return escaped.join(SEPARATOR).slice(0, CUT_CHARS)
}

/** Whether several levels can make this name. */
function joins(levels: readonly string[], name: 'device' | 'metric'): boolean {
  return levels.includes(`{${name}#}`) || levels.filter((level) => level === `{${name}}`).length > 1
}

const PLACEHOLDERS: ReadonlyMap<string, { readonly name: 'device' | 'metric'; readonly toEnd: boolean }> = new Map([
  ['{device}', { name: 'device', toEnd: false }],
  ['{metric}', { name: 'metric', toEnd: false }],
  ['{device#}', { name: 'device', toEnd: true }],
  ['{metric#}', { name: 'metric', toEnd: true }],
])

function templateProblem(template: string): string | undefined {
  const levels = template.split('/')
  for (const [index, level] of levels.entries()) {
    const placeholder = PLACEHOLDERS.get(level)
    if (placeholder?.toEnd === true && index < levels.length - 1) {
      return `"${level}" stands for all levels that are left, so it must be the last level`
    }
    if (placeholder !== undefined || !/[{}]/.test(level)) continue
    return /\{(device|metric)#?\}/.test(level)
      ? `a placeholder must be a whole level, not part of "${level}"`
      : `unknown placeholder "${level}"; there are {device} and {metric}, and {device#} and {metric#} at the end`
  }
  const problem = filterProblem(levels.map((level) => (PLACEHOLDERS.get(level)?.toEnd ? '#' : level)).join('/'))
  if (problem !== undefined) return problem
  const hasDevice = levels.some((level) => PLACEHOLDERS.get(level)?.name === 'device')
  return hasDevice ? undefined : 'it must contain {device}: without it, the readings of all devices would be mixed'
}

interface Captures {
  readonly device: string[]
  readonly metric: string[]
}

/** Scans the topic once without splitting it. With `found`, placeholders match levels and store them there. */
function matchLevels(levels: readonly string[], topic: string, found: Captures | undefined): boolean {
  let start = 0
  for (const level of levels) {
    const placeholder = found && PLACEHOLDERS.get(level)
    const wild = placeholder !== undefined || level === '+' || level === '#'
    if (wild && start === 0 && topic.startsWith('$')) return false
    if (level === '#') return true
    if (start > topic.length) return false
    if (placeholder?.toEnd) {
      found![placeholder.name].push(...topic.slice(start).split('/'))
      return true
    }
    const slash = topic.indexOf('/', start)
    const end = slash === -1 ? topic.length : slash
    if (placeholder !== undefined) found![placeholder.name].push(topic.slice(start, end))
    else if (!wild && (end - start !== level.length || !topic.startsWith(level, start))) return false
    start = end + 1
  }
  return start > topic.length
}
