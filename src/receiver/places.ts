import type { Seq, SeqRange } from '../base/reading.ts'
import type { SeriesBlock } from '../codec/batch.ts'
import { encodeItem } from '../codec/item.ts'
import { ItemReader } from '../codec/item-reader.ts'
import { compress, decompress } from '../codec/zstd.ts'
import type { Prepare } from './sink-schema.ts'

/** Opened stretches that are kept: amendments are about neighbours. */
const OPEN_MAX = 4
/** A stretch that takes more as it is gets compressed (bytes). */
const PLAIN_BYTES_MAX = 128
/** What a stretch of a batch may unpack to; its readings are far fewer than that. */
const UNPACKED_BYTES_MAX = 268_435_456
const ZSTD_MAGIC = 0x28

/** Where the reading of a position is in the table of readings. */
export interface Place {
  readonly series: number
  readonly ts: number
}

export interface PlacedBlock {
  readonly series: number
  readonly block: SeriesBlock
}

/**
 * Tells where the reading of a position is: a short list for each stretch that came in one batch. An index would tell the
 * same for a third more work at every reading, and only repeats with other contents and amendments ask.
 */
export class Places {
  readonly #insert
  readonly #find
  #open: { readonly log: number; readonly first: Seq; readonly places: ReadonlyMap<Seq, Place> }[] = []

  constructor(prepare: Prepare) {
    this.#insert = prepare('INSERT INTO places (log, first, last, bytes) VALUES (?, ?, ?, ?)')
    this.#find = prepare(
      'SELECT first, last, bytes FROM places WHERE log = ? AND first <= ? ORDER BY first DESC LIMIT 1',
    )
  }

  /** Remembers the readings of these positions; no position comes twice. */
  add(log: number, ranges: readonly SeqRange[], blocks: readonly PlacedBlock[]): void {
    for (const range of ranges) {
      const bytes = pack(range, blocks)
      if (bytes !== undefined) this.#insert.run(log, range.first, range.last, bytes)
    }
  }

  /** Undefined: there never was a reading. */
  find(log: number, seq: Seq): Place | undefined {
    const row = this.#find.get(log, seq)
    if (row === undefined || Number(row[1]) < seq) return undefined
    const first = Number(row[0])
    const open = this.#open.find((one) => one.log === log && one.first === first)
    if (open !== undefined) return open.places.get(seq)
    const places = unpack(row[2] as Uint8Array)
    this.#open = [...this.#open.slice(1 - OPEN_MAX), { log, first, places }]
    return places.get(seq)
  }

  /** After a failed transaction. */
  forget(): void {
    this.#open = []
  }
}

/** Of each series: its number, how many readings, and how far positions and times are from the ones before. */
function pack({ first, last }: SeqRange, blocks: readonly PlacedBlock[]): Uint8Array | undefined {
  const ids: number[] = []
  const counts: number[] = []
  const seqs: number[] = []
  const times: number[] = []
  let seq = 0
  let ts = 0
  for (const { series, block } of blocks) {
    const before = seqs.length
    for (let i = 0; i < block.seq.length; i++) {
      const at = block.seq[i]!
      if (at < first || at > last) continue
      seqs.push(at - seq)
      times.push(block.ts[i]! - ts)
      seq = at
      ts = block.ts[i]!
    }
    if (seqs.length === before) continue
    ids.push(series)
    counts.push(seqs.length - before)
  }
  if (seqs.length === 0) return undefined
  const bytes = encodeItem([ids, counts, seqs, times])
  return bytes.length > PLAIN_BYTES_MAX ? compress(bytes) : new Uint8Array(bytes)
}

function unpack(packed: Uint8Array): Map<Seq, Place> {
  const reader = new ItemReader(packed[0] === ZSTD_MAGIC ? decompress(packed, UNPACKED_BYTES_MAX) : packed)
  reader.arrayOf(4, 'places')
  const [ids, counts, seqs, times] = ['series', 'counts', 'positions', 'times'].map((what) =>
    reader.ints(reader.array(what), what),
  ) as [Float64Array, Float64Array, Float64Array, Float64Array]
  const places = new Map<Seq, Place>()
  let row = 0
  let seq = 0
  let ts = 0
  for (const [s, series] of ids.entries()) {
    for (let end = row + counts[s]!; row < end; row++) {
      seq += seqs[row]!
      ts += times[row]!
      places.set(seq, { series, ts })
    }
  }
  return places
}
