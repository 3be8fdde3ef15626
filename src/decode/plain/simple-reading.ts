import type { Reading } from '../../base/reading.ts'
import type { Parsed } from '../members/parsed.ts'
import { TIME_END_MS, TIME_MIN_MS } from '../time.ts'
import { isObject } from '../tree.ts'

/**
 * The reading of `{"value": number, "ts": milliseconds}`, the most frequent message, without the general reader; the
 * result is the same. Undefined: it is anything else.
 */
export function simpleReading({ tree, members }: Parsed, device: string, metric: string): Reading | undefined {
  if (members !== 2 || !isObject(tree)) return undefined
  const { value, ts } = tree
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
  if (typeof ts !== 'number' || !(ts >= TIME_MIN_MS && ts < TIME_END_MS)) return undefined
  for (const name in tree) if (name !== 'value' && name !== 'ts') return undefined
  return { device, metric, unit: undefined, value, ts: Math.floor(ts), timed: true, claim: undefined }
}
