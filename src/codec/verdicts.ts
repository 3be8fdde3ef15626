import type { Quality } from '../base/reading.ts'
import type { ItemReader } from './item-reader.ts'
import { Malformed } from './malformed.ts'

const NUMBERS_PER_RUN = 3
const REASONS_MAX = 0xffff_ffff

/** Encodes verdicts as runs of equal ones: a batch of good readings has a single run. */
export class VerdictRuns {
  #runs: number[] = []
  #quality = 0
  #reasons = 0
  #length = 0

  add(quality: number, reasons: number): void {
    if (this.#length > 0 && (quality !== this.#quality || reasons !== this.#reasons)) this.#close()
    this.#quality = quality
    this.#reasons = reasons
    this.#length++
  }

  #close(): void {
    this.#runs.push(this.#quality, this.#reasons, this.#length)
    this.#length = 0
  }

  /** Returns the runs as quality, reasons, length, quality, …, and starts anew. */
  take(): number[] {
    if (this.#length > 0) this.#close()
    const runs = this.#runs
    this.#runs = []
    return runs
  }
}

export interface Verdicts {
  /** QARTOD flags: 1, 2, 3, 4 or 9. */
  readonly quality: Uint8Array
  readonly reasons: Uint32Array
}

/** Reads exactly `count` verdicts. @throws Malformed */
export function readVerdicts(cbor: ItemReader, count: number): Verdicts {
  const length = cbor.array('verdicts')
  if (length > count * NUMBERS_PER_RUN) throw new Malformed('verdicts: more runs than rows')
  const runs = cbor.ints(length, 'verdicts')
  const quality = new Uint8Array(count)
  const reasons = new Uint32Array(count)
  let start = 0
  for (let k = 0; k + 2 < runs.length; k += NUMBERS_PER_RUN) {
    const end = start + runs[k + 2]!
    if (!isQuality(runs[k]!)) throw new Malformed(`quality ${runs[k]}`)
    if (runs[k + 1]! < 0 || runs[k + 1]! > REASONS_MAX) throw new Malformed(`reasons ${runs[k + 1]}`)
    if (end <= start || end > count) throw new Malformed('verdicts: a run outside the rows')
    quality.fill(runs[k]!, start, end)
    reasons.fill(runs[k + 1]!, start, end)
    start = end
  }
  if (start !== count || runs.length % NUMBERS_PER_RUN !== 0) throw new Malformed('verdicts do not cover the rows')
  return { quality, reasons }
}

function isQuality(code: number): code is Quality {
  return code === 1 || code === 2 || code === 3 || code === 4 || code === 9
}
