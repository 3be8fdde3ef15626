import type { Seq } from '../../base/reading.ts'
import { type BlockColumns, Rows } from '../../codec/block.ts'
import { BLOCK_READINGS_MAX, type Block, blockId, idsOf, seriesOf } from './blocks.ts'
import { addColumns, inOrder, SealWriter } from './packing.ts'
import type { Seal } from './seals.ts'
import { type HousekeepingContext, type Packing, SLICE_MS, type Task } from './task.ts'
import type { OverlaidVerdict } from './verdicts.ts'

/** Number of seals that are merged into one. A higher number means less writing, but small blocks stay longer. */
const FAN_IN = 32
/** Minimum number of seals worth rewriting when the merged seal must not grow larger. */
const FAN_IN_MIN = 4
/** Seals with at least this many readings per block on average are not merged any further. */
const GOOD_BLOCK_READINGS = 4_096
/**
 * A merged seal spans at most this time (ms of arrival), because removal by age removes whole blocks. It is slightly
 * more than the seals of 32 days at a site slow enough to seal once a day.
 */
const SPAN_MS_MAX = 36 * 86_400_000
/** Maximum number of blocks that one transaction deletes. */
const CLEAR_BLOCKS = 512

export interface MergeLimits {
  /**
   * Whether every uplink has all readings of a seal; until then the seal is kept as it is, because it is still to be
   * sent.
   */
  readonly isConfirmed: (seal: Seal) => boolean
  /** Arrivals of the first and the last reading of a seal, UTC ms. */
  readonly begunAt: (seal: Seal) => number
  readonly arrivedAt: (seal: Seal) => number
  /** Maximum readings of the merged seal. */
  readonly readingsMax?: number
  /** Maximum time between the arrivals of its first and its last reading. */
  readonly spanMsMax?: number | undefined
  /** The last position that may be in one seal with those of `head`. */
  readonly togetherUntil?: (head: Seal) => Seq
}

/** The next seals to merge, in ascending position: neighbours of one level, all of them confirmed. Undefined: none. */
export function mergeable(seals: readonly Seal[], limits: MergeLimits): readonly Seal[] | undefined {
  for (let start = 0; start < seals.length; ) {
    const { run, isWhole } = runFrom(seals, start, limits)
    if (isWhole) return run
    start += Math.max(1, run.length)
  }
  return undefined
}

function runFrom(
  seals: readonly Seal[],
  start: number,
  { isConfirmed, begunAt, arrivedAt, readingsMax = Infinity, spanMsMax = SPAN_MS_MAX, togetherUntil }: MergeLimits,
): { run: readonly Seal[]; isWhole: boolean } {
  const head = seals[start]!
  const lastMax = togetherUntil?.(head) ?? Infinity
  let end = start
  let readings = 0
  while (end < seals.length && end - start < FAN_IN) {
    const seal = seals[end]!
    const near = seal.level === head.level && arrivedAt(seal) - begunAt(head) <= spanMsMax
    if (!near || seal.last > lastMax || isGrown(seal) || !isConfirmed(seal)) break
    readings += seal.readings
    if (readings > readingsMax) return { run: seals.slice(start, end), isWhole: end - start >= FAN_IN_MIN }
    end++
  }
  return { run: seals.slice(start, end), isWhole: end - start === FAN_IN }
}

function isGrown({ readings, blocks }: Seal): boolean {
  return readings >= blocks * GOOD_BLOCK_READINGS
}

/** What happens to the readings while their seals are rewritten. */
export interface Rewriting {
  /** Level of the new seal, and whether it is thinned. */
  readonly mark: Pick<Seal, 'level' | 'thinned'>
  /** Returns the readings of a block that are kept, at least one. */
  keep(block: Block, columns: BlockColumns): BlockColumns
  /** Whether the choice of kept readings is still valid; false: the rewrite is abandoned. */
  isStillRight(): boolean
  /** Called in the transaction in which the new seal replaces the old ones. */
  book(): void
}

/** Merges several seals into one: for each series, the blocks of all seals become one block, or a few. */
export class Merging implements Packing {
  readonly #context: HousekeepingContext
  readonly #seals: readonly Seal[]
  readonly #first: Seal
  readonly #last: Seal
  readonly #rewriting: Rewriting
  /** Verdicts that changed meanwhile: their blocks may have been read before the change. */
  readonly #changed = new Map<Seq, OverlaidVerdict>()

  /** @param seals neighbours, in ascending position. */
  constructor(context: HousekeepingContext, seals: readonly Seal[], rewriting: Rewriting = keepAll(seals)) {
    this.#context = context
    this.#seals = seals
    this.#first = seals[0]!
    this.#last = seals.at(-1)!
    this.#rewriting = rewriting
  }

  amended(verdict: OverlaidVerdict): void {
    const { seq } = verdict
    if (seq >= this.#first.first && seq <= this.#last.last) this.#changed.set(seq, verdict)
  }

  *run(): Task {
    const { seals, blocks } = this.#context
    const part = blocks.freePart(seals.all)
    const writer = new SealWriter(blocks, part, (work) => this.#context.write(work))
    yield* this.#pack(writer)
    yield
    const isRight = this.#rewriting.isStillRight()
    if (isRight) this.#context.write(() => this.#take(writer, part))
    yield
    const gone = isRight ? this.#seals : [{ id: part, parts: Math.max(1, writer.totals.parts) }]
    for (const seal of gone) yield* clearBlocks(this.#context, seal)
  }

  *#pack(writer: SealWriter): Task {
    const { blocks } = this.#context
    const rows = new Rows()
    const all = yield* seriesIn(this.#context, this.#seals)
    let sliceEnd = performance.now() + SLICE_MS
    for (const series of all) {
      for (const block of blocksOf(this.#context, this.#seals, series)) {
        addColumns(rows, series, this.#rewriting.keep(block, blocks.open(block)))
        if (rows.count >= BLOCK_READINGS_MAX) hand(rows, series, writer)
        if (performance.now() < sliceEnd) continue
        if (writer.isDue) writer.flush()
        yield
        sliceEnd = performance.now() + SLICE_MS
      }
      hand(rows, series, writer)
    }
  }

  #take(writer: SealWriter, part: number): void {
    const { seals, verdicts } = this.#context
    writer.insertWaiting()
    this.#rewriting.book()
    const { first, receivedFirst } = this.#first
    const { last, receivedLast } = this.#last
    seals.replace(this.#seals, {
      id: part,
      first,
      last,
      receivedFirst,
      receivedLast,
      ...writer.totals,
      ...this.#rewriting.mark,
    })
    verdicts.drop({ first, last })
    for (const verdict of this.#changed.values()) verdicts.put(verdict)
  }
}

function keepAll(seals: readonly Seal[]): Rewriting {
  const thinned = seals.some((seal) => seal.thinned === 1) ? 1 : 0
  return {
    mark: { level: seals[0]!.level + 1, thinned },
    keep: (_block, columns) => columns,
    isStillRight: () => true,
    book: () => undefined,
  }
}

function hand(rows: Rows, series: number, writer: SealWriter): void {
  if (rows.count > 0) writer.add(series, rows, inOrder(rows))
  rows.clear()
}

function* seriesIn({ blocks }: HousekeepingContext, seals: readonly Seal[]): Generator<undefined, number[], undefined> {
  const found = new Set<number>()
  for (const seal of seals) {
    for (const page of blocks.headPages(seal)) {
      for (const { id } of page) found.add(seriesOf(id))
      yield
    }
  }
  return [...found].sort((a, b) => a - b)
}

function* blocksOf({ blocks }: HousekeepingContext, seals: readonly Seal[], series: number): Generator<Block> {
  for (const { id, parts } of seals) {
    for (let part = id; part < id + parts; part++) {
      const block = blocks.get(blockId(part, series))
      if (block !== undefined) yield block
    }
  }
}

/** Deletes blocks that no seal owns any more. */
export function* clearBlocks(context: HousekeepingContext, seal: Pick<Seal, 'id' | 'parts'>): Task {
  const { first, last } = idsOf(seal)
  const nth = context.database.prepare('SELECT id FROM blocks WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1 OFFSET ?')
  for (;;) {
    const end = (nth.pluck().get(first, last, CLEAR_BLOCKS - 1) as number | undefined) ?? last
    let removed = 0
    context.write(() => {
      removed = context.blocks.removeBetween(first, end)
    })
    yield
    if (removed < CLEAR_BLOCKS) return
  }
}

/** Deletes blocks that a crash left without a seal. */
export function* clearOrphans(context: HousekeepingContext): Task {
  const owned = new Set<number>()
  for (const { id, parts } of context.seals.all) for (let part = id; part < id + parts; part++) owned.add(part)
  for (let part = context.blocks.nextPart(0); part !== undefined; part = context.blocks.nextPart(part + 1)) {
    if (!owned.has(part)) yield* clearBlocks(context, { id: part, parts: 1 })
  }
}
