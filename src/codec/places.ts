import { type CborReader, Malformed } from './cbor-reader.ts'
import type { CborWriter } from './cbor-writer.ts'

/** Rows of a batch that are singled out, in rising order; written as distances, each from the one before. */
export class Places {
  #gaps = new Float64Array(0)
  #count = 0
  #last = 0

  get count(): number {
    return this.#count
  }

  add(row: number): void {
    if (this.#count === this.#gaps.length) this.#grow()
    this.#gaps[this.#count++] = row - this.#last
    this.#last = row
  }

  #grow(): void {
    const larger = new Float64Array(Math.max(64, this.#count * 2))
    larger.set(this.#gaps)
    this.#gaps = larger
  }

  /** Writes one array and begins anew. */
  write(cbor: CborWriter): void {
    cbor.ints(this.#gaps, this.#count)
    this.#count = 0
    this.#last = 0
  }
}

/** Reads what `Places` wrote: rows below `rowCount`, each once. @throws Malformed */
export function readPlaces(cbor: CborReader, rowCount: number): Float64Array {
  const places = cbor.ints('places')
  let last = -1
  for (let k = 0; k < places.length; k++) {
    const row = places[k]! + Math.max(last, 0)
    if (row <= last || row >= rowCount) throw new Malformed('a place outside the batch')
    places[k] = row
    last = row
  }
  return places
}
