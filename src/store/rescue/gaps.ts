import type { Database } from 'better-sqlite3'
import { SeqSet } from '../../base/ranges.ts'
import type { Seq, SeqRange } from '../../base/reading.ts'
import { BlockTable, idsOf } from '../blocks.ts'
import { readSeals, type Seal } from '../seals.ts'

const PAGE_BLOCKS = 64
/** Of a seal with more gaps only those at its ends are told: so many come from thinning, and cost memory for good. */
const GAPS_MAX = 4_096

/** Positions up to `last` that have no reading, ascending. Everything must be sealed. */
export function* positionsWithout(database: Database, last: Seq): Generator<SeqRange> {
  const blocks = new BlockTable(database)
  let next = 1
  for (const seal of readSeals(database)) {
    if (next < seal.first) yield { first: next, last: seal.first - 1 }
    if (seal.readings < seal.last - seal.first + 1) yield* gapsIn(blocks, seal)
    next = seal.last + 1
  }
  if (next <= last) yield { first: next, last }
}

function gapsIn(blocks: BlockTable, seal: Seal): readonly SeqRange[] {
  const there = new Uint8Array(seal.last - seal.first + 1)
  const ids = idsOf(seal)
  for (let next = ids.first; ; ) {
    const page = blocks.page(next, ids.last, PAGE_BLOCKS)
    for (const block of page) for (const seq of blocks.open(block).seq) there[seq - seal.first] = 1
    if (page.length < PAGE_BLOCKS) break
    next = page.at(-1)!.id + 1
  }
  const kept = new SeqSet()
  for (let at = 0; at < there.length; at++) {
    if (there[at] === 1) kept.add({ first: seal.first + at, last: seal.first + at })
  }
  const gaps = kept.missing(seal)
  const atEnds = gaps.filter(({ first, last }) => first === seal.first || last === seal.last)
  return gaps.length > GAPS_MAX ? atEnds : gaps
}
