import type { StoredReading } from '../base/reading.ts'
import { type Bench, SLICE_MS, type Task } from './bench.ts'
import { type Block, type BlockHead, seriesOf } from './blocks.ts'
import { isExpired, type Policies } from './policy.ts'
import type { Removable, Removal, RemovalReason } from './removal.ts'
import { HOUR_MS, type Rollups } from './rollups.ts'
import type { Seal } from './seals.ts'

/** Writes readings to a place outside the store; they are on that disk when it returns. @throws when they are not. */
export type Archive = (readings: readonly StoredReading[]) => void

export interface Retention {
  readonly bench: Bench
  readonly policies: Policies
  readonly rollups: Rollups
  readonly removal: Removal
  readonly archive: Archive | undefined
  /** What the log of readings calls a series. */
  readonly describe: (series: number) => Pick<StoredReading, 'device' | 'metric' | 'unit'>
}

/**
 * Removes what is past its time, oldest first: of each seal that every uplink has, the blocks of the series whose rule
 * says so. Hourly sums are written in the transaction that removes.
 */
export function* expire(retention: Retention, isConfirmed: (seal: Seal) => boolean, now: number): Task {
  const { bench, policies, rollups } = retention
  for (const seal of [...bench.seals.all]) {
    if (now - seal.receivedLast <= policies.rawMsMin) break
    if (!isConfirmed(seal)) continue
    const past = (head: BlockHead): boolean => isExpired(seal, policies.of(seriesOf(head.id)), now)
    yield* removeBlocks(retention, seal, { wants: past, reason: 'expired' })
  }
  const summed = bench.database.prepare('SELECT DISTINCT series FROM rollups').pluck()
  for (const series of summed.all() as number[]) {
    const { rollupMs = Infinity } = policies.of(series)
    const before = Math.floor((now - rollupMs) / HOUR_MS) * HOUR_MS
    if (Number.isFinite(before)) bench.write(() => rollups.expire(series, before))
    yield
  }
}

/** Removes blocks of a seal, a few in each transaction; the seal goes with the last of them. */
export function* removeBlocks(
  retention: Retention,
  seal: Seal,
  { wants, reason }: { wants: (head: BlockHead) => boolean; reason: RemovalReason },
): Task {
  const { blocks } = retention.bench
  const heads: BlockHead[] = []
  for (const page of blocks.headPages(seal)) {
    for (const head of page) if (wants(head)) heads.push(head)
    yield
  }
  let left: Seal | undefined = seal
  for (let next = 0; next < heads.length && left !== undefined; ) {
    const some: Removable[] = []
    for (const sliceEnd = performance.now() + SLICE_MS; next < heads.length && performance.now() < sliceEnd; next++) {
      const block = blocks.get(heads[next]!.id) as Block
      some.push({ head: block, columns: blocks.open(block) })
    }
    left = removeSome(retention, left, some, reason)
    yield
  }
}

function removeSome(
  retention: Retention,
  seal: Seal,
  some: readonly Removable[],
  reason: RemovalReason,
): Seal | undefined {
  const { bench, removal } = retention
  for (const one of some) archiveBlock(retention, one)
  let left: Seal | undefined
  bench.write(() => {
    let readings = 0
    for (const one of some) {
      readings += removal.book(one, reason)
      bench.blocks.remove(one.head.id)
      bench.verdicts.drop({ first: one.head.seqFirst, last: one.head.seqLast }, seriesOf(one.head.id))
    }
    left = removal.shrink(seal, { readings, blocks: some.length })
  })
  return left
}

export function archiveBlock({ policies, archive, describe }: Retention, { head, columns }: Removable): void {
  const series = seriesOf(head.id)
  if (archive === undefined || !policies.of(series).archive) return
  const name = describe(series)
  archive(
    Array.from(columns.seq, (seq, i) => ({
      ...name,
      seq,
      value: columns.values[i]!,
      ts: columns.ts[i]!,
      quality: columns.quality[i] as StoredReading['quality'],
      reasons: columns.reasons[i]!,
    })),
  )
}
