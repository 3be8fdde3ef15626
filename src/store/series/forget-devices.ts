import type { Statement } from 'better-sqlite3'
import { pattern } from '../../base/pattern.ts'
import { OTHERS } from '../catalog.ts'
import type { Outbox } from '../delivery/outbox.ts'
import { archiveBlocks, type Retention } from '../housekeeping/retention.ts'
import { type Block, type BlockHead, seriesOf } from '../sealed/blocks.ts'
import type { Seal } from '../sealed/seals.ts'
import type { Task } from '../sealed/task.ts'
import type { Device, Series } from './series.ts'
import type { SeriesContext, UnusedSeries } from './unused-series.ts'

/** Blocks that one transaction removes: each is opened. */
const BLOCKS_AT_ONCE = 128

/** An order of an operator to remove devices. */
export interface Forgetting {
  /** Name of the device, or a pattern with `*`. */
  readonly devices: string
  /** Readings up to this position. */
  readonly upTo: number
  /** Also readings that an uplink has not confirmed. */
  readonly unconfirmed: boolean
  /** Rejects up to this id, and hourly sums of readings that arrived until this time (UTC ms, store clock). */
  readonly rejectsUpTo: number
  readonly at: number
}

interface Row {
  readonly devices: string
  readonly upTo: number
  readonly unconfirmed: 0 | 1
  readonly rejectsUpTo: number
  readonly at: number
}

/**
 * Removes the readings, hourly sums, parked readings and rejects of devices, and then the devices. A reading that an
 * uplink has not confirmed stays until it is, unless the order includes it; then it counts as dropped. The orders are
 * kept in the store until nothing of them is left.
 */
export class ForgetDevices {
  readonly #context: SeriesContext
  readonly #retention: Retention
  readonly #outboxes: readonly Outbox[]
  readonly #unused: UnusedSeries
  readonly #all: Statement<[]>
  readonly #put: Statement<[string, number, number, number, number]>
  readonly #done: Statement<[string]>

  constructor(
    context: SeriesContext,
    parts: { readonly retention: Retention; readonly outboxes: readonly Outbox[]; readonly unused: UnusedSeries },
  ) {
    const { database } = context
    this.#context = context
    this.#retention = parts.retention
    this.#outboxes = parts.outboxes
    this.#unused = parts.unused
    this.#all = database.prepare(
      'SELECT devices, up_to AS upTo, unconfirmed, rejects_up_to AS rejectsUpTo, at FROM forgetting',
    )
    this.#put = database.prepare(
      'INSERT OR REPLACE INTO forgetting (devices, up_to, unconfirmed, rejects_up_to, at) VALUES (?, ?, ?, ?, ?)',
    )
    this.#done = database.prepare('DELETE FROM forgetting WHERE devices = ?')
  }

  get waiting(): Forgetting[] {
    return (this.#all.all() as Row[]).map(({ unconfirmed, ...row }) => ({ ...row, unconfirmed: unconfirmed === 1 }))
  }

  /** In its owner's transaction. */
  order({ devices, upTo, unconfirmed, at }: Omit<Forgetting, 'rejectsUpTo'>): void {
    const rejectsUpTo = this.#context.database
      .prepare('SELECT coalesce(max(id), 0) FROM rejects')
      .pluck()
      .get() as number
    this.#put.run(devices, upTo, unconfirmed ? 1 : 0, rejectsUpTo, Math.round(at))
  }

  /** Carries out an order, whose positions must all be sealed. What cannot be removed yet stays, and so does the order. */
  *carryOut(order: Forgetting): Task {
    const catalog = this.#context.catalog()
    const matches = pattern(order.devices)
    const devices = catalog.devices.filter(({ name }) => name !== OTHERS && (name === order.devices || matches(name)))
    const owners = new Set<Device>(devices)
    const series = [...catalog.all()].filter(({ device }) => owners.has(device))
    const kept = yield* this.#removeReadings(new Set(series.map(({ id }) => id)), order)
    if (this.#context.catalog() !== catalog) return
    yield* this.#removeRest(series, devices, order)
    yield* this.#unused.remove(series)
    yield* this.#unused.removeDevices(devices)
    if (!kept && this.#context.catalog() === catalog) this.#context.write(() => void this.#done.run(order.devices))
  }

  /** @returns whether readings are left that will be removed later. */
  *#removeReadings(series: ReadonlySet<number>, order: Forgetting): Generator<undefined, boolean, undefined> {
    const { seals, blocks } = this.#context
    let kept = false
    for (let next = 1; next <= order.upTo; ) {
      const seal = seals.from(next)
      if (seal === undefined || seal.first > order.upTo) break
      const heads: BlockHead[] = []
      for (const page of blocks.headPages(seal)) {
        for (const head of page) {
          if (series.has(seriesOf(head.id)) && head.seqLast <= order.upTo) heads.push(head)
        }
        yield
      }
      const left = yield* this.#removeBlocks(seal, heads, order)
      // Merged with others meanwhile: it is read again.
      if (left === 'changed') continue
      kept ||= left === 'some'
      next = seal.last + 1
    }
    return kept
  }

  *#removeBlocks(
    given: Seal,
    heads: readonly BlockHead[],
    order: Forgetting,
  ): Generator<undefined, 'none' | 'some' | 'changed', undefined> {
    let kept = false
    let seal: Seal | undefined = given
    for (let next = 0; next < heads.length; next += BLOCKS_AT_ONCE) {
      if (seal === undefined || !this.#context.seals.all.includes(seal)) return 'changed'
      const some = heads.slice(next, next + BLOCKS_AT_ONCE)
      const { left, removed } = this.#removeSome(seal, some, order)
      kept ||= removed < some.length
      seal = left
      yield
    }
    return kept ? 'some' : 'none'
  }

  #removeSome(
    seal: Seal,
    heads: readonly BlockHead[],
    { unconfirmed }: Forgetting,
  ): { readonly left: Seal | undefined; readonly removed: number } {
    const { blocks, verdicts, write } = this.#context
    const { removal } = this.#retention
    const open = heads
      .filter(({ seqFirst, seqLast }) => !this.#isOnItsWay({ first: seqFirst, last: seqLast }))
      .map(({ id }) => blocks.get(id) as Block)
      .map((head) => ({ head, columns: blocks.open(head) }))
      .filter((one) => unconfirmed || removal.count(one).lost === 0)
    if (open.length === 0) return { left: seal, removed: 0 }
    archiveBlocks(this.#retention, open)
    let left: Seal | undefined
    write(() => {
      let readings = 0
      for (const one of open) {
        readings += removal.book(one, 'dropped')
        blocks.remove(one.head.id)
        verdicts.drop({ first: one.head.seqFirst, last: one.head.seqLast }, seriesOf(one.head.id))
      }
      left = removal.shrink(seal, { readings, blocks: open.length })
    })
    return { left, removed: open.length }
  }

  #isOnItsWay(range: { readonly first: number; readonly last: number }): boolean {
    return this.#context.outboxes.some((outbox) => outbox.isOnItsWay(range))
  }

  *#removeRest(
    series: readonly Series[],
    devices: readonly Device[],
    { unconfirmed, rejectsUpTo, at }: Forgetting,
  ): Task {
    const { database, rejects, write } = this.#context
    const rollups = database.prepare('DELETE FROM rollups WHERE series = ? AND kept_from <= ?')
    const parked = database.prepare('SELECT id FROM parked WHERE series = ?').pluck()
    const hasParked = new Set(database.prepare('SELECT DISTINCT series FROM parked').pluck().all() as number[])
    for (let next = 0; next < series.length; next += BLOCKS_AT_ONCE) {
      write(() => {
        for (const { id } of series.slice(next, next + BLOCKS_AT_ONCE)) {
          rollups.run(id, at)
          if (!unconfirmed || !hasParked.has(id)) continue
          for (const row of parked.all(id) as number[]) for (const outbox of this.#outboxes) outbox.dropParked(row)
        }
      })
      yield
    }
    for (let next = 0; next < devices.length; next += BLOCKS_AT_ONCE) {
      write(() => {
        for (const { id } of devices.slice(next, next + BLOCKS_AT_ONCE)) rejects.dropOf(id, rejectsUpTo)
      })
      yield
    }
  }
}
