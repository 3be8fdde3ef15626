import { oneLine } from '../../../base/text/one-line.ts'
import type { Maybe } from '../../../config/json.ts'

const VALUE_CHARS_MAX = 40

/** A config value for a table cell; `-` if there is none (null is a value). */
export function cellOf(value: Maybe): string {
  return value === undefined ? '-' : oneLine(JSON.stringify(value), VALUE_CHARS_MAX)
}
