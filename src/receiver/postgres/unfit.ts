import type { SeriesBlock } from '../../codec/batch.ts'
import type { Delivery } from '../sink.ts'
import { hasNul, shown, TS_MIN } from './literals.ts'

/** PostgreSQL refuses an index entry of more than 2,704 bytes. */
const NAMES_BYTES_MAX = 2_000

/**
 * The names of a series as PostgreSQL can store them. U+0000 is replaced and not refused: a device that sends it in
 * every message would otherwise have all its readings refused one by one, and the edge would stop with it.
 */
export function fitNames({ device, metric, unit = '' }: Pick<SeriesBlock, 'device' | 'metric' | 'unit'>): string[] {
  return [device, metric, unit].map(shown)
}

/**
 * Why PostgreSQL can never store this; undefined: it can. The edge must get this reason: without an answer it would
 * keep resending, and nothing after it would arrive.
 */
export function unfitness(delivery: Delivery): string | undefined {
  if (delivery.kind === 'reject') return undefined
  const { edge, epoch } = delivery.kind === 'batch' ? delivery.batch : delivery.amendments
  const unfitLog = [edge, epoch].some(hasNul)
    ? 'an edge or epoch with U+0000, which PostgreSQL cannot store'
    : unfitNames([edge, epoch])
  if (unfitLog !== undefined || delivery.kind === 'amendments') return unfitLog
  for (const { device, metric, unit, ts } of delivery.batch.series) {
    const unfit = unfitNames(fitNames({ device, metric, unit }))
    if (unfit !== undefined) return unfit
    if (ts.some((time) => time < TS_MIN)) return 'a time before 4714 BC, which PostgreSQL cannot store'
  }
  return undefined
}

function unfitNames(names: readonly string[]): string | undefined {
  const bytes = names.reduce((sum, name) => sum + Buffer.byteLength(name), 0)
  return bytes > NAMES_BYTES_MAX ? `names of more than ${NAMES_BYTES_MAX} bytes together` : undefined
}
