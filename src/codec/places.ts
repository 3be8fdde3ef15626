import type { ItemReader } from './item-reader.ts'
import { Malformed } from './malformed.ts'

/** Selected rows of a batch, in ascending order, encoded as the distance of each row from the one before. */
export class Places {
  #gaps: number[] = []
  #last = 0

  get count(): number {
    return this.#gaps.length
  }

  add(row: number): void {
    this.#gaps.push(row - this.#last)
    this.#last = row
  }

  /** Returns the distances of the rows that were added, and starts anew. */
  take(): number[] {
    const gaps = this.#gaps
    this.#gaps = []
    this.#last = 0
    return gaps
  }
}

/** Reads the output of `Places.take`: rows below `rowCount`, each once. @throws Malformed */
export function readPlaces(cbor: ItemReader, rowCount: number): Float64Array {
  const count = cbor.array('places')
  if (count > rowCount) throw new Malformed('more places than rows')
  const places = cbor.ints(count, 'places')
  let last = -1
  for (let k = 0; k < places.length; k++) {
    const row = places[k]! + Math.max(last, 0)
    if (row <= last || row >= rowCount) throw new Malformed('a place outside the batch')
    places[k] = row
    last = row
  }
  return places
}
