import type { Statement } from 'better-sqlite3'
import { SeqSet } from '../../base/ranges.ts'
import type { SeqRange } from '../../base/reading.ts'
import type { BlockColumns } from '../../codec/block.ts'
import type { Positions } from '../positions.ts'
import { type BlockHead, partOf, seriesOf } from '../sealed/blocks.ts'
import type { Seal } from '../sealed/seals.ts'
import type { DeliveryState, HousekeepingContext } from '../sealed/task.ts'
import { readDevices } from '../tallies.ts'
import type { Policies } from './policy.ts'
import { type Rollups, sumByHour } from './rollups.ts'

/** A column of `devices` that counts readings that are no longer kept. */
export type RemovalReason = 'expired' | 'dropped' | 'thinned' | 'damaged'

const NOTHING: Record<RemovalReason, number> = { expired: 0, dropped: 0, thinned: 0, damaged: 0 }

/** Readings of one series that are to be removed, as they were when they were last read. */
export interface Removable {
  readonly head: BlockHead
  readonly columns: BlockColumns
}

export interface RemovalCount {
  readings: number
  /** Of these, the readings that at least one uplink has not delivered. */
  lost: number
  /** For each uplink, the readings that it has not delivered. */
  readonly lostBy: number[]
}

/**
 * Removes readings from the store inside its owner's transaction, and books them: for each device by the reason, and
 * for each uplink the readings that it had not delivered. Readings that every uplink has count as `expired`, whatever
 * the reason was.
 */
export class Removal {
  readonly #context: HousekeepingContext
  readonly #policies: Policies
  readonly #rollups: Rollups
  readonly #deviceOf: Statement<[number]>
  #summary: Record<RemovalReason, number> = NOTHING
  readonly #counts: Readonly<Record<RemovalReason, Statement<[number, number]>>>

  constructor(context: HousekeepingContext, policies: Policies, rollups: Rollups) {
    const { database } = context
    this.#context = context
    this.#policies = policies
    this.#rollups = rollups
    this.#deviceOf = database.prepare('SELECT device FROM series WHERE id = ?').pluck()
    const counter = (column: RemovalReason): Statement<[number, number]> =>
      database.prepare(`UPDATE devices SET ${column} = ${column} + ? WHERE id = ?`)
    this.#counts = {
      expired: counter('expired'),
      dropped: counter('dropped'),
      thinned: counter('thinned'),
      damaged: counter('damaged'),
    }
  }

  /**
   * Books readings of a block that are removed, all or some, and keeps their hourly sums if the policy says so.
   * @returns the number of readings removed.
   */
  book({ head, columns }: Removable, reason: RemovalReason, isRemoved: (row: number) => boolean = all): number {
    const series = seriesOf(head.id)
    const count = this.count({ head, columns }, isRemoved)
    this.bookCount(this.deviceOf(series), count, reason)
    if (this.keepsRollups(series)) {
      this.#rollups.add(series, sumByHour(columns, isRemoved), this.#arrivedAt(head))
    }
    return count.readings
  }

  /** Arrival of the newest reading that may be in this block, by the store clock (UTC ms). */
  #arrivedAt({ seqLast }: BlockHead): number {
    const { seals, arrivedAt } = this.#context
    return arrivedAt(seals.at(seqLast)!)
  }

  keepsRollups(series: number): boolean {
    return this.#policies.of(series).rollupMs !== undefined
  }

  /**
   * Counts the readings of a block that are to be removed, and which uplinks have not delivered them. Changes nothing.
   */
  count({ head, columns }: Removable, isRemoved: (row: number) => boolean = all): RemovalCount {
    const { outboxes } = this.#context
    const waiting = waitingPositions(outboxes, { first: head.seqFirst, last: head.seqLast })
    const count: RemovalCount = { readings: 0, lost: 0, lostBy: outboxes.map(() => 0) }
    for (let row = 0; row < columns.seq.length; row++) {
      if (!isRemoved(row)) continue
      count.readings++
      const seq = columns.seq[row]!
      if (waiting.size === 0 || !waiting.has(seq)) continue
      count.lost++
      for (const [i, { settled }] of outboxes.entries()) if (!settled.has(seq)) count.lostBy[i]!++
    }
    return count
  }

  deviceOf(series: number): number {
    return this.#deviceOf.get(series) as number
  }

  /** Number of readings removed since the last call, by reason; undefined: none. */
  takeSummary(): Record<RemovalReason, number> | undefined {
    const summary = this.#summary
    this.#summary = NOTHING
    return summary === NOTHING ? undefined : summary
  }

  #sum(reason: RemovalReason, count: number): void {
    if (count > 0) this.#summary = { ...this.#summary, [reason]: this.#summary[reason] + count }
  }

  /** Writes a count into the ledger of a device and of the uplinks. */
  bookCount(device: number, { readings, lost, lostBy }: RemovalCount, reason: RemovalReason): void {
    if (readings > lost) this.#counts.expired.run(readings - lost, device)
    if (lost > 0) this.#counts[reason].run(lost, device)
    this.#sum('expired', readings - lost)
    this.#sum(reason, lost)
    for (const [i, outbox] of this.#context.outboxes.entries())
      if (lostBy[i]! > 0) outbox.addDropped(device, lostBy[i]!)
  }

  /**
   * Blocks of a seal were removed; the seal is removed with its last one.
   * @param gone how many readings in how many blocks. @returns the seal as it is now.
   */
  shrink(seal: Seal, gone: { readonly readings: number; readonly blocks: number }): Seal | undefined {
    const readings = seal.readings - gone.readings
    const left = readings > 0 ? { ...seal, readings, blocks: seal.blocks - gone.blocks } : undefined
    this.#context.seals.replace([seal], left)
    if (left === undefined) this.#forget(seal)
    return left
  }

  /** Removes a whole seal; its blocks become leftovers. */
  removeSeal(seal: Seal): void {
    this.#context.seals.replace([seal], undefined)
    this.#forget(seal)
  }

  /**
   * Removes a block that cannot be opened. It is unknown which of its positions were confirmed: the difference that
   * results in an uplink's account counts as lost.
   */
  giveUp(id: number, positions: Positions): void {
    const { blocks, seals, database } = this.#context
    const head = blocks.headAt(id)
    const seal = seals.all.find((one) => one.id <= partOf(id) && partOf(id) < one.id + one.parts)
    if (head === undefined || seal === undefined) return
    const device = this.deviceOf(seriesOf(id))
    blocks.remove(id)
    this.#counts.damaged.run(head.readings, device)
    this.shrink(seal, { readings: head.readings, blocks: 1 })
    const { stored } = readDevices(database).find(({ id: one }) => one === device)!
    for (const outbox of this.#context.outboxes) {
      let waiting = 0
      for (const range of outbox.settled.missing({ first: 1, last: Number.MAX_SAFE_INTEGER })) {
        for (const [series, n] of positions.countBySeries(range)) {
          if (this.deviceOf(series) === device) waiting += n
        }
      }
      outbox.rebalance(device, stored - waiting)
    }
  }

  /** Removed readings need not be sent. */
  #forget({ first, last }: Seal): void {
    for (const outbox of this.#context.outboxes) outbox.settle({ first, last })
    this.#context.verdicts.drop({ first, last })
    this.#context.database.prepare('DELETE FROM amendments WHERE seq BETWEEN ? AND ?').run(first, last)
  }
}

const all = (): boolean => true

/** Positions that at least one uplink has not delivered yet. */
function waitingPositions(outboxes: readonly DeliveryState[], range: SeqRange): SeqSet {
  const waiting = new SeqSet()
  for (const { settled } of outboxes) for (const gap of settled.missing(range)) waiting.add(gap)
  return waiting
}
