import type { SeqRange } from '../../base/reading.ts'
import { type BlockHead, seriesOf } from '../sealed/blocks.ts'
import { clearBlocks } from '../sealed/merging.ts'
import type { Seal } from '../sealed/seals.ts'
import { type HousekeepingContext, SLICE_MS, type Task } from '../sealed/task.ts'
import type { Removable, RemovalCount, RemovalReason } from './removal.ts'
import { archiveBlocks, GROUP_READINGS, type Retention } from './retention.ts'
import { type HourlySums, sumByHour } from './rollups.ts'

/**
 * Removes a whole seal to make room. One transaction books all of its readings and marks all of them as settled, so
 * that an uplink sees either the whole seal or nothing. Its blocks are deleted afterwards.
 */
export function* dropSeal(retention: Retention, seal: Seal, reason: RemovalReason): Task {
  const { context, removal, rollups } = retention
  const waiting = waitingIn(context, seal)
  const counts = new Map<number, RemovalCount>()
  const sums: { series: number; byHour: HourlySums }[] = []
  const archiveGroups = new ArchiveGroups(retention)
  let sliceEnd = performance.now() + SLICE_MS
  for (const page of context.blocks.headPages(seal)) {
    for (const head of page) {
      const series = seriesOf(head.id)
      const whole = wholeCount(head, waiting)
      if (whole !== undefined && !removal.keepsRollups(series) && !retention.policies.of(series).archive) {
        addCount(counts, removal.deviceOf(series), whole)
        continue
      }
      const one = { head, columns: context.blocks.open(context.blocks.get(head.id)!) }
      archiveGroups.add(one)
      addCount(counts, removal.deviceOf(series), removal.count(one))
      if (removal.keepsRollups(series)) sums.push({ series, byHour: sumByHour(one.columns) })
      if (performance.now() < sliceEnd) continue
      yield
      sliceEnd = performance.now() + SLICE_MS
    }
    yield
  }
  archiveGroups.flush()
  // If an uplink has sent or confirmed some of it meanwhile, the count is wrong: give up, and try again later.
  if (isOnItsWay(context, seal) || JSON.stringify(waitingIn(context, seal)) !== JSON.stringify(waiting)) return
  context.write(() => {
    for (const [device, count] of counts) removal.bookCount(device, count, reason)
    for (const { series, byHour } of sums) rollups.add(series, byHour, context.arrivedAt(seal))
    removal.removeSeal(seal)
  })
  yield
  yield* clearBlocks(context, seal)
}

/** Collects blocks for the archive, and writes them in groups. */
class ArchiveGroups {
  readonly #retention: Retention
  #some: Removable[] = []
  #readings = 0

  constructor(retention: Retention) {
    this.#retention = retention
  }

  add(one: Removable): void {
    const { archive, policies } = this.#retention
    if (archive === undefined || !policies.of(seriesOf(one.head.id)).archive) return
    if (this.#readings + one.head.readings > GROUP_READINGS) this.flush()
    this.#some.push(one)
    this.#readings += one.head.readings
  }

  flush(): void {
    archiveBlocks(this.#retention, this.#some)
    this.#some = []
    this.#readings = 0
  }
}

export function addCount(
  counts: Map<number, RemovalCount>,
  device: number,
  { readings, lost, lostBy }: RemovalCount,
): void {
  const count = counts.get(device)
  if (count === undefined) {
    counts.set(device, { readings, lost, lostBy: [...lostBy] })
    return
  }
  count.readings += readings
  count.lost += lost
  for (const [i, n] of lostBy.entries()) count.lostBy[i]! += n
}

/** Whether an uplink has sent some of this range and waits for the answer: such readings must not be booked as lost. */
export function isOnItsWay({ outboxes }: HousekeepingContext, range: SeqRange): boolean {
  return outboxes.some((outbox) => outbox.isOnItsWay(range))
}

/** For each uplink, the positions that it has not delivered yet. */
export function waitingIn({ outboxes }: HousekeepingContext, { first, last }: SeqRange): SeqRange[][] {
  return outboxes.map(({ settled }) => settled.missing({ first, last }))
}

/**
 * The count of a block that each uplink has either delivered completely or not at all; undefined for any other block.
 */
function wholeCount(
  { readings, seqFirst, seqLast }: BlockHead,
  waiting: readonly SeqRange[][],
): RemovalCount | undefined {
  const lostBy = waiting.map((ranges) => {
    if (ranges.some(({ first, last }) => first <= seqFirst && seqLast <= last)) return readings
    return ranges.some(({ first, last }) => first <= seqLast && seqFirst <= last) ? undefined : 0
  })
  if (lostBy.includes(undefined)) return undefined
  return { readings, lost: Math.max(0, ...(lostBy as number[])), lostBy: lostBy as number[] }
}
