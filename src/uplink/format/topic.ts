/**
 * A name as one topic level; different names give different levels. Unreserved characters stay; `%`, `/`, `+`, `#`,
 * control characters and a leading `$` become `%` and two hex digits for each byte of UTF-8, a lone surrogate becomes
 * `%u` and four hex digits, and the empty name becomes `%`.
 */
export function topicLevel(name: string): string {
  if (name === '') return '%'
  return name.replace(/^\$|[%/+#\p{Cc}\p{Cs}]/gu, escaped)
}

function escaped(character: string): string {
  if (!character.isWellFormed()) return `%u${character.charCodeAt(0).toString(16).toUpperCase()}`
  return [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

/** The values for the placeholders of a template; `prefix` may have several levels. */
export interface TopicFields {
  readonly prefix: string
  readonly edge: string
  readonly device?: string
  readonly metric?: string
}

/** Fills a template. The names of device and metric are escaped (`topicLevel`), the rest is inserted unchanged. */
export function fillTopic(template: string, { prefix, edge, device = '', metric = '' }: TopicFields): string {
  const values: Record<string, () => string> = {
    '{prefix}': () => prefix,
    '{edge}': () => edge,
    '{device}': () => topicLevel(device),
    '{metric}': () => topicLevel(metric),
  }
  return template.replace(/\{[a-z]+\}/g, (placeholder) => values[placeholder]?.() ?? placeholder)
}

/**
 * Levels of a topic. An escaped name is always one level, so a template with a filled-in prefix has as many levels as
 * each of its topics. Some clouds limit them: AWS IoT Core accepts 8 (7 slashes).
 */
export function levelCount(topic: string): number {
  return topic.split('/').length
}
