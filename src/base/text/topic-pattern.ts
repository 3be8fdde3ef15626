/** Levels with fewer characters are no ids, unless they are numbers. */
const ID_CHARS_MIN = 8
/** Longer levels stand for an id or a payload, whatever they contain. */
const LEVEL_CHARS_MAX = 64

/**
 * The topic filter of the topics that differ from this one only in numbers and ids: such a level becomes `+`. So
 * `plant/pump17/4711/temp` becomes `plant/+/+/temp`. A single digit within letters is part of a name (`v1`, `co2`).
 */
export function topicPattern(topic: string): string {
  return topic.split('/').map(levelPattern).join('/')
}

function levelPattern(level: string): string {
  if (level.length > LEVEL_CHARS_MAX) return '+'
  const isNumber = /^[+-]?\d+(?:\.\d+)?$/.test(level)
  const isNumbered = /\d\d|[-_.:#]\d+$/.test(level)
  const isHex = level.length >= ID_CHARS_MIN && /^[\da-f:.-]+$/i.test(level) && /\d/.test(level)
  return isNumber || isNumbered || isHex ? '+' : level
}
