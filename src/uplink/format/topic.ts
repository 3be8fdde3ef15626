/**
 * A name as one level of a topic, for every name another level: unreserved characters stay; `%`, `/`, `+`, `#`, control
 * characters and a leading `$` become `%` and two hex digits for each byte of UTF-8, a lone surrogate becomes `%u` and
 * four, and the empty name becomes `%`.
 */
export function topicLevel(name: string): string {
  if (name === '') return '%'
  return name.replace(/^\$|[%/+#\p{Cc}\p{Cs}]/gu, escaped)
}

function escaped(character: string): string {
  if (!character.isWellFormed()) return `%u${character.charCodeAt(0).toString(16).toUpperCase()}`
  return [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

/** What the placeholders of a template stand for; `prefix` may be several levels. */
export interface TopicFields {
  readonly prefix: string
  readonly edge: string
  readonly device?: string
  readonly metric?: string
}

/** The topic that a template means; the names of device and metric are escaped (`topicLevel`), the rest is as given. */
export function fillTopic(template: string, { prefix, edge, device = '', metric = '' }: TopicFields): string {
  const words: Record<string, () => string> = {
    '{prefix}': () => prefix,
    '{edge}': () => edge,
    '{device}': () => topicLevel(device),
    '{metric}': () => topicLevel(metric),
  }
  return template.replace(/\{[a-z]+\}/g, (placeholder) => words[placeholder]?.() ?? placeholder)
}

/**
 * Levels of a topic. An escaped name is always one level, so a template whose prefix is filled in has as many as each of
 * its topics. Some clouds limit them: 8 is what AWS IoT Core takes (7 slashes).
 */
export function levelCount(topic: string): number {
  return topic.split('/').length
}
