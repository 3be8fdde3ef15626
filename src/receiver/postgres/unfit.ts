import type { Delivery } from '../sink.ts'
import { hasNul, TS_MIN } from './literals.ts'

/** PostgreSQL refuses an index entry of more than 2,704 bytes. */
const NAMES_BYTES_MAX = 2_000

/**
 * Why PostgreSQL can never store this; undefined: it can. The edge must get this reason: without an answer it would
 * keep resending, and nothing after it would arrive.
 */
export function unfitness(delivery: Delivery): string | undefined {
  if (delivery.kind === 'reject') return undefined
  const { edge, epoch } = delivery.kind === 'batch' ? delivery.batch : delivery.amendments
  const unfitLog = unfitNames([edge, epoch])
  if (unfitLog !== undefined || delivery.kind === 'amendments') return unfitLog
  for (const { device, metric, unit = '', ts } of delivery.batch.series) {
    const unfit = unfitNames([device, metric, unit])
    if (unfit !== undefined) return unfit
    if (ts.some((time) => time < TS_MIN)) return 'a time before 4714 BC, which PostgreSQL cannot store'
  }
  return undefined
}

function unfitNames(names: readonly string[]): string | undefined {
  if (names.some(hasNul)) return 'a name with U+0000, which PostgreSQL cannot store'
  const bytes = names.reduce((sum, name) => sum + Buffer.byteLength(name), 0)
  return bytes > NAMES_BYTES_MAX ? `names of more than ${NAMES_BYTES_MAX} bytes together` : undefined
}
