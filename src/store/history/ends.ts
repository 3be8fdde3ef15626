import type { Seq } from '../../base/reading.ts'
import type { BlockHead } from '../sealed/blocks.ts'
import { isBefore, type ReadingKey } from './interval.ts'
import type { OpenBlock } from './open-blocks.ts'

interface Found extends ReadingKey {
  readonly value: number
}

/** Opens blocks. */
export interface Opener {
  open(head: BlockHead): OpenBlock
}

const NONE: readonly BlockHead[] = []

/**
 * The first and the last number of some readings of one series, by (ts, seq). A block that has only numbers gives them
 * and their times. For a block that also has other values, the numbers are known but their times only roughly; it is
 * opened only if that matters, that is, if others overlap it.
 */
export class Ends {
  #first: Found | undefined
  #last: Found | undefined
  #rough: BlockHead[] | undefined

  add(ts: number, seq: Seq, value: number): void {
    const [first, last] = [this.#first, this.#last]
    if (first === undefined || ts < first.ts || (ts === first.ts && seq < first.seq)) this.#first = { ts, seq, value }
    if (last === undefined || ts > last.ts || (ts === last.ts && seq > last.seq)) this.#last = { ts, seq, value }
  }

  /**
   * Adds a whole block. Positions of blocks of one series do not overlap, so its bounds can stand for the positions of
   * its ends.
   */
  addHead(head: BlockHead): void {
    const { numbers, readings, valueFirst, valueLast } = head
    if (numbers === 0) return
    if (numbers < readings) {
      this.#rough ??= []
      this.#rough.push(head)
      return
    }
    this.add(...startOf(head), valueFirst!)
    this.add(...endOf(head), valueLast!)
  }

  /** The values of both ends; null: there is no number. */
  values(open: Opener): { readonly first: number | null; readonly last: number | null } {
    const rough = this.#rough ?? NONE
    const first = this.#firstValue(rough, open)
    return { first, last: this.#lastValue(rough, open) }
  }

  #firstValue(rough: readonly BlockHead[], open: Opener): number | null {
    const heads = rough.length < 2 ? rough : rough.toSorted((a, b) => a.tsMin - b.tsMin || a.seqFirst - b.seqFirst)
    for (let i = 0; i < heads.length; i++) {
      const head = heads[i]!
      if (this.#first !== undefined && isBefore(this.#first, keyOf(startOf(head)))) break
      const next = heads[i + 1]
      const end = keyOf(endOf(head))
      const alone = next === undefined || isBefore(end, keyOf(startOf(next)))
      if (alone && (this.#first === undefined || isBefore(end, this.#first))) return head.valueFirst
      this.#addRows(head, open)
    }
    return this.#first?.value ?? null
  }

  #lastValue(rough: readonly BlockHead[], open: Opener): number | null {
    const heads = rough.length < 2 ? rough : rough.toSorted((a, b) => b.tsMax - a.tsMax || b.seqLast - a.seqLast)
    for (let i = 0; i < heads.length; i++) {
      const head = heads[i]!
      if (this.#last !== undefined && isBefore(keyOf(endOf(head)), this.#last)) break
      const next = heads[i + 1]
      const start = keyOf(startOf(head))
      const alone = next === undefined || isBefore(keyOf(endOf(next)), start)
      if (alone && (this.#last === undefined || isBefore(this.#last, start))) return head.valueLast
      this.#addRows(head, open)
    }
    return this.#last?.value ?? null
  }

  #addRows(head: BlockHead, open: Opener): void {
    const { seq, ts, values } = open.open(head).columns
    for (const [row, value] of values.entries()) if (typeof value === 'number') this.add(ts[row]!, seq[row]!, value)
  }
}

function startOf({ tsMin, seqFirst }: BlockHead): [number, Seq] {
  return [tsMin, seqFirst]
}

function endOf({ tsMax, seqLast }: BlockHead): [number, Seq] {
  return [tsMax, seqLast]
}

function keyOf([ts, seq]: readonly [number, Seq]): ReadingKey {
  return { ts, seq }
}
