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

/** What a layout costs. Bytes are of one reading, all files counted. */
export interface LayoutCost {
  readonly rows: number
  /** While readings come in, what is done between their commits included. */
  readonly perSecond: number
  /** Until all of it is where it stays: sealed, merged, compacted, checkpointed. */
  readonly perSecondAtRest: number
  readonly bytesOnDisk: number
  readonly bytesWritten: number
  readonly longestCommitMs: number
  /** Where the layout has a history of its own to keep in order. */
  readonly house: HousekeepingCost | undefined
}

export interface HousekeepingCost {
  readonly slices: number
  /** A slice is what a commit may have to wait for. */
  readonly longestSliceMs: number
  readonly slicesOver20ms: number
  readonly longestCheckpointMs: number
  /** CPU seconds for a million readings, checkpoints of it included. */
  readonly cpuSecondsPerMillion: number
  /** The same, while readings came in. */
  readonly cpuSecondsPerMillionBusy: number
  /** Bytes written a reading: into the WAL by commits and by slices of housekeeping, and from it into the database. */
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
  /** Of packed columns alone, a reading. */
  readonly packedBytes: number
  /** The file shared out in proportion to them, a reading. */
  readonly bytesOnDisk: number
}

/** Shares a file's bytes among the classes in proportion to the bytes of their blocks. */
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
