import type { Quality, Seq, Value } from '../../src/base/reading.ts'
import { rowValue } from '../../src/store/log.ts'
import type { Store } from '../../src/store/store.ts'

/** A reading as the store returns it. */
export interface Kept {
  readonly seq: Seq
  readonly series: number
  readonly ts: number
  readonly value: Value
  readonly quality: Quality
  readonly reasons: number
}

/** All readings in rising position, whether in blocks or in the log. */
export function contents(store: Store, first: Seq = 1): Kept[] {
  return [...store.readFrom(first, 97)].map((row) => {
    const value = rowValue(row)
    const plain = value instanceof Uint8Array ? Uint8Array.from(value) : value
    return { seq: row[0], series: row[1], ts: row[2], value: plain, quality: row[4], reasons: row[5] }
  })
}

/** Runs housekeeping until nothing is due. @returns the number of slices. */
export function runHousekeeping(store: Store, now = Date.now()): number {
  for (let slices = 0; slices < 1_000_000; slices++) if (!store.runHousekeeping({ now, busy: false })) return slices
  throw new Error('housekeeping never ends')
}
