import type { Maybe } from '../../../config/json.ts'
import { oneLine } from '../../table.ts'

const VALUE_CHARS_MAX = 40

/** A value of a config in a cell of a table; `-` where there is none, which is not null. */
export function cellOf(value: Maybe): string {
  return value === undefined ? '-' : oneLine(JSON.stringify(value), VALUE_CHARS_MAX)
}
