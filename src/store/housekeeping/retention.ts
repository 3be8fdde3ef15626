import type { StoredReading } from '../../base/reading.ts'
import type { BlockColumns } from '../../codec/block.ts'
import { type Block, type BlockHead, seriesOf } from '../sealed/blocks.ts'
import type { Seal } from '../sealed/seals.ts'
import type { HousekeepingContext, Task } from '../sealed/task.ts'
import { overdueMs, type Policies, sumsOverdueBefore } from './policy.ts'
import type { Removable, Removal, RemovalReason } from './removal.ts'
import type { Rollups } from './rollups.ts'

/** Writes readings to a place outside the store; when it returns, they are on that disk. @throws if they are not. */
export type Archive = (readings: readonly StoredReading[]) => void

export type SeriesLabel = Pick<StoredReading, 'device' | 'metric' | 'unit'>

/** Maximum number of readings whose blocks are removed, and archived, together. */
export const GROUP_READINGS = 16_384

export interface Retention {
  readonly context: HousekeepingContext
  readonly policies: Policies
  readonly rollups: Rollups
  readonly removal: Removal
  readonly archive: Archive | undefined
  /** The names of a series. */
  readonly describe: (series: number) => SeriesLabel
}

/** What a run of retention needs to know, each time it goes on. */
export interface ExpireOptions {
  readonly isConfirmed: (seal: Seal) => boolean
  /** The store clock, UTC ms; undefined: the clock is in doubt, and nothing is removed. */
  readonly now: () => number | undefined
}

/**
 * Removes readings that are past their time, oldest first: of each seal that every uplink has, the blocks of the series
 * whose rule says so. Hourly sums are written in the same transaction. The run ends early when the clock is set back or
 * is in doubt.
 */
export function* expire(retention: Retention, options: ExpireOptions): Task {
  const { context, policies, rollups } = retention
  for (const seal of pastSeals(retention, options)) {
    const begunAt = options.now()
    if (begunAt === undefined) return
    const past = (head: BlockHead): boolean =>
      overdueMs(context.arrivedAt(seal), policies.of(seriesOf(head.id)), begunAt) > 0
    const isStillPast = (): boolean => (options.now() ?? -Infinity) >= begunAt
    yield* removeBlocks(retention, seal, { wants: past, reason: 'expired', isStillRight: isStillPast })
    if (!isStillPast()) return
  }
  const summed = context.database.prepare('SELECT DISTINCT series FROM rollups').pluck()
  for (const series of summed.all() as number[]) {
    const before = sumsOverdueBefore(policies.of(series), options.now() ?? -Infinity)
    if (Number.isFinite(before)) context.write(() => rollups.expire(series, before))
    yield
  }
}

/** The confirmed seals that may contain readings past their time. */
export function pastSeals({ context, policies }: Retention, { isConfirmed, now }: ExpireOptions): Seal[] {
  const time = now()
  if (time === undefined) return []
  const isPast = (seal: Seal): boolean => overdueMs(context.arrivedAt(seal), { rawMs: policies.rawMsMin }, time) > 0
  return context.seals.all.filter((seal) => isPast(seal) && isConfirmed(seal))
}

/** Removes blocks of a seal, a few per transaction; the seal is removed with the last of them. */
export function* removeBlocks(
  retention: Retention,
  seal: Seal,
  options: {
    readonly wants: (head: BlockHead) => boolean
    readonly reason: RemovalReason
    /** Asked before each transaction; false: the rest stays. */
    readonly isStillRight?: () => boolean
  },
): Task {
  const { wants, reason, isStillRight = () => true } = options
  const { blocks } = retention.context
  const heads: BlockHead[] = []
  for (const page of blocks.headPages(seal)) {
    for (const head of page) if (wants(head)) heads.push(head)
    yield
  }
  let left: Seal | undefined = seal
  for (const some of inGroups(heads)) {
    if (left === undefined || !isStillRight()) return
    const open = some.map(({ id }) => blocks.get(id) as Block).map((head) => ({ head, columns: blocks.open(head) }))
    left = removeSome(retention, left, open, reason)
    yield
  }
}

/**
 * Groups blocks. The same blocks always form the same groups: if a crash causes a group to be archived twice, the files
 * are the same.
 */
function inGroups(heads: readonly BlockHead[]): BlockHead[][] {
  const groups: BlockHead[][] = []
  let readings = Infinity
  for (const head of heads) {
    readings += head.readings
    if (readings > GROUP_READINGS) {
      groups.push([])
      readings = head.readings
    }
    groups.at(-1)!.push(head)
  }
  return groups
}

function removeSome(
  retention: Retention,
  seal: Seal,
  some: readonly Removable[],
  reason: RemovalReason,
): Seal | undefined {
  const { context, removal } = retention
  archiveBlocks(retention, some)
  let left: Seal | undefined
  context.write(() => {
    let readings = 0
    for (const one of some) {
      readings += removal.book(one, reason)
      context.blocks.remove(one.head.id)
      context.verdicts.drop({ first: one.head.seqFirst, last: one.head.seqLast }, seriesOf(one.head.id))
    }
    left = removal.shrink(seal, { readings, blocks: some.length })
  })
  return left
}

/**
 * Writes the readings of those blocks whose rule requires it to the archive. @throws if they are not on that disk
 * afterwards.
 */
export function archiveBlocks({ policies, archive, describe }: Retention, some: readonly Removable[]): void {
  if (archive === undefined) return
  const readings = some
    .filter(({ head }) => policies.of(seriesOf(head.id)).archive)
    .flatMap(({ head, columns }) => readingsOf(describe(seriesOf(head.id)), columns))
  if (readings.length > 0) archive(readings)
}

function readingsOf(name: SeriesLabel, { seq, ts, values, quality, reasons }: BlockColumns): StoredReading[] {
  return Array.from(seq, (position, i) => ({
    ...name,
    seq: position,
    value: values[i]!,
    ts: ts[i]!,
    quality: quality[i] as StoredReading['quality'],
    reasons: reasons[i]!,
  }))
}
