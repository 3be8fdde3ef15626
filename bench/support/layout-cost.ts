import type { SealedSeries } from './layout-tidegate.ts'
import type { Plant, SeriesClass } from './plant.ts'
import { CLASSES } from './plant.ts'

export const LAYOUT_NAMES = [
  'tidegate',
  'table + index on (series, ts)',
  'primary key (series, ts, seq)',
  'rocksdb',
] as const
export type LayoutName = (typeof LAYOUT_NAMES)[number]

/** What a layout costs. Bytes are per reading, all files counted. */
export interface LayoutCost {
  readonly rows: number
  /** While readings come in; includes the work between their commits. */
  readonly perSecond: number
  /** Until everything is where it stays: sealed, merged, compacted, checkpointed. */
  readonly perSecondAtRest: number
  readonly bytesOnDisk: number
  readonly bytesWritten: number
  readonly longestCommitMs: number
  /** Undefined for a layout without housekeeping. */
  readonly housekeeping: HousekeepingCost | undefined
}

export interface HousekeepingCost {
  readonly slices: number
  /** A commit waits for at most one slice. */
  readonly longestSliceMs: number
  readonly slicesOver20ms: number
  readonly longestCheckpointMs: number
  /** CPU seconds per million readings, with the checkpoints of housekeeping. */
  readonly cpuSecondsPerMillion: number
  /** The part of it while readings come in. */
  readonly cpuSecondsPerMillionBusy: number
  /** Bytes written per reading: to the WAL by commits and by slices of housekeeping, and from the WAL to the database. */
  readonly written: { readonly commits: number; readonly checkpoints: number; readonly slices: number }
  readonly seals: number
  readonly freeBytes: number
  readonly logRows: number
  readonly classes: readonly ClassCost[]
}

export interface ClassCost {
  readonly name: SeriesClass
  readonly readings: number
  readonly readingsPerBlock: number
  /** Bytes of the packed columns alone, per reading. */
  readonly packedBytes: number
  /** Bytes of the file per reading, the file divided in proportion to the packed bytes. */
  readonly bytesOnDisk: number
}

/** Divides the bytes of a file among the classes in proportion to the bytes of their blocks. */
export function classCosts(plant: Plant, sealed: readonly SealedSeries[], fileBytes: number): ClassCost[] {
  const packed = sealed.reduce((sum, { bytes }) => sum + bytes, 0)
  return CLASSES.map((name) => {
    const own = sealed.filter(({ series }) => plant.classOf(series) === name)
    const sum = (pick: (one: SealedSeries) => number): number => own.reduce((total, one) => total + pick(one), 0)
    const readings = sum((one) => one.readings)
    const bytes = sum((one) => one.bytes)
    return {
      name,
      readings,
      readingsPerBlock: readings / sum((one) => one.blocks),
      packedBytes: bytes / readings,
      bytesOnDisk: (fileBytes * bytes) / packed / readings,
    }
  })
}
