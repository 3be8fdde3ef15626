import type { Batch } from '../../src/codec/batch.ts'
import { Plant } from './plant.ts'

export const EDGE = 'plant-7'
export const EPOCH = 'epoch-1'

/** A batch of the plant, as the codec decodes it. */
export interface PlantBatch {
  readonly batch: Batch
  readonly receivedAt: number
  /** Of its values. */
  readonly sum: number
}

export function namesOf(seriesCount: number): string[] {
  return Array.from({ length: seriesCount }, (_, series) => `dev-${String(series).padStart(4, '0')}`)
}

/** The readings of the plant in batches of this size, with positions from 1. */
export function* batchesOf(rows: number, perBatch: number, seriesCount: number): Generator<PlantBatch> {
  const names = namesOf(seriesCount)
  let next = 1
  for (const { count, series, ts, value, receivedAt } of new Plant(seriesCount).commits(rows, perBatch)) {
    const first = next
    next += count
    const bySeries = Map.groupBy(
      Array.from({ length: count }, (_, i) => i),
      (i) => series[i]!,
    )
    const blocks = [...bySeries].map(([one, indexes]) => ({
      device: names[one]!,
      metric: 'temperature',
      unit: 'Cel',
      seq: Float64Array.from(indexes, (i) => first + i),
      ts: Float64Array.from(indexes, (i) => ts[i]!),
      values: indexes.map((i) => value[i]!),
      quality: new Uint8Array(indexes.length).fill(1),
      reasons: new Uint32Array(indexes.length),
    }))
    const ranges = [{ first, last: first + count - 1 }]
    const sum = value.subarray(0, count).reduce((total, one) => total + one, 0)
    const batch = { edge: EDGE, epoch: EPOCH, run: 'run-1', series: blocks, ranges, count }
    yield { batch, receivedAt: receivedAt[count - 1]!, sum }
  }
}
