import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Seq, SeqRange } from '../../../src/base/reading.ts'
import type { Lane, Outbox } from '../../../src/store/delivery/outbox.ts'
import type { Store } from '../../../src/store/store.ts'
import type { Stretch } from '../../../src/store/stretch.ts'
import { tempFolder } from '../../../support/folder.ts'
import { appendMany, imbalances, openStore, takeNext } from '../stores.ts'

/** The state that an outbox must have, as plain sets of positions. */
interface Model {
  last: Seq
  /** The first position of the live lane. */
  liveFrom: Seq
  readonly confirmed: Set<Seq>
  readonly inFlight: Set<Seq>
}

interface Real {
  readonly folder: string
  store: Store
}

type Step = fc.Command<Model, Real>

function step(name: string, run: (model: Model, real: Real) => void): Step {
  return { check: () => true, run, toString: () => name }
}

function outboxOf({ store }: Real): Outbox {
  return store.outbox('cloud')
}

function eachOf({ first, last }: SeqRange): Seq[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i)
}

function waiting({ last, confirmed, inFlight }: Model): Seq[] {
  return eachOf({ first: 1, last }).filter((seq) => !confirmed.has(seq) && !inFlight.has(seq))
}

/** Up to `countMax` positions without a gap, from the first position of the lane that waits. */
function firstStretch(model: Model, lane: Lane, countMax: number): Seq[] {
  const all = waiting(model).filter((seq) => seq >= model.liveFrom === (lane === 'live'))
  const end = all.findIndex((seq, i) => seq !== all[0]! + i)
  return all.slice(0, Math.min(countMax, end < 0 ? all.length : end))
}

const SEQ_MAX = 40
const range = fc
  .tuple(fc.integer({ min: 0, max: SEQ_MAX }), fc.integer({ min: 0, max: 8 }))
  .map(([first, more]) => ({ first, last: first + more }))

const append: fc.Arbitrary<Step> = fc.integer({ min: 0, max: 12 }).map((count) =>
  step(`append ${count}`, (model, { store }) => {
    appendMany(store, count)
    model.last += count
  }),
)

function seqsOf(stretch: Stretch | undefined): Seq[] {
  return (stretch?.rows() ?? []).map(([seq]) => seq)
}

const next: fc.Arbitrary<Step> = fc
  .tuple(fc.constantFrom<Lane>('live', 'backfill'), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }))
  .map(([lane, countMax, take]) =>
    step(`next ${countMax} of ${lane}, take ${take}`, (model, real) => {
      const seqs = seqsOf(outboxOf(real).next(lane, real.store.lastSeq, countMax))
      expect(seqs).toEqual(firstStretch(model, lane, countMax))
      const backlog = firstStretch(model, 'backfill', 1).length > 0
      expect(outboxOf(real).hasBacklog()).toBe(backlog)
      const taken = seqs.slice(0, take)
      if (taken.length === 0) return
      outboxOf(real).take({ first: taken[0]!, last: taken.at(-1)! })
      for (const seq of taken) model.inFlight.add(seq)
    }),
  )

const confirm: fc.Arbitrary<Step> = fc.array(range, { minLength: 1, maxLength: 4 }).map((ranges) =>
  step(`confirm ${JSON.stringify(ranges)}`, (model, real) => {
    const notice = new Set(ranges.flatMap(eachOf).filter((seq) => seq >= 1 && seq <= model.last))
    for (const seq of model.confirmed) notice.delete(seq)
    const count = real.store.write(() => outboxOf(real).confirm(ranges, real.store.lastSeq))
    expect(count).toBe(notice.size)
    for (const seq of notice) model.confirmed.add(seq)
  }),
)

const failingConfirm: fc.Arbitrary<Step> = fc.array(range, { minLength: 1, maxLength: 4 }).map((ranges) =>
  step(`a confirmation that fails ${JSON.stringify(ranges)}`, (_model, real) => {
    const failing = (): void =>
      real.store.write(() => {
        outboxOf(real).confirm(ranges, real.store.lastSeq)
        throw new Error('no')
      })
    expect(failing).toThrow('no')
  }),
)

const release: fc.Arbitrary<Step> = range.map((given) =>
  step(`release ${JSON.stringify(given)}`, (model, real) => {
    outboxOf(real).release(given)
    for (const seq of eachOf(given)) model.inFlight.delete(seq)
  }),
)

const releaseAll: fc.Arbitrary<Step> = fc.constant(
  step('release all', (model, real) => {
    outboxOf(real).releaseAll(real.store.lastSeq)
    model.inFlight.clear()
    model.liveFrom = model.last + 1
  }),
)

const beginLive: fc.Arbitrary<Step> = fc.constant(
  step('what is stored is backlog', (model, real) => {
    outboxOf(real).beginLive(real.store.lastSeq)
    model.liveFrom = model.last + 1
  }),
)

const restart: fc.Arbitrary<Step> = fc.constant(
  step('restart', (model, real) => {
    real.store.close()
    real.store = openStore(real.folder)
    model.inFlight.clear()
    model.liveFrom = model.last + 1
  }),
)

/**
 * A step that is listed more often is chosen more often. Steps that clear state are rare, so that there is state to
 * clear.
 */
const steps = [
  ...[append, append, next, next, next, next, confirm, confirm, failingConfirm],
  ...[release, release, release, releaseAll, beginLive, restart],
]

/** Takes the next stretch of a lane. */
function offer(real: Real, lane: Lane): Seq[] {
  return takeNext(real.store, outboxOf(real), lane, 7)?.seqs ?? []
}

/** Takes everything that is offered. */
function drain(real: Real): Seq[] {
  const offered: Seq[] = []
  for (let i = 0; i <= SEQ_MAX * 10; i++) {
    const rows = [...offer(real, 'backfill'), ...offer(real, 'live')]
    if (rows.length === 0) return offered.sort((a, b) => a - b)
    offered.push(...rows)
  }
  throw new Error('it never ends')
}

describe('the outbox', () => {
  it('offers every reading until it is confirmed and never after that, for any sequence of steps', () => {
    const property = fc.property(fc.commands(steps, { maxCommands: 40, size: 'max' }), (commands) => {
      const real: Real = { folder: tempFolder(), store: undefined as unknown as Store }
      real.store = openStore(real.folder)
      appendMany(real.store, 20)
      const model: Model = { last: 20, liveFrom: 1, confirmed: new Set(), inFlight: new Set() }
      fc.modelRun(() => ({ model, real }), commands)
      expect(eachOf({ first: 1, last: model.last }).filter((seq) => outboxOf(real).settled.has(seq))).toEqual(
        [...model.confirmed].sort((a, b) => a - b),
      )
      const { waiting: left, confirmed } = real.store.backlog(outboxOf(real))
      expect([left, confirmed]).toEqual([model.last - model.confirmed.size, model.confirmed.size])
      expect(drain(real)).toEqual(waiting(model))
      real.store.close()
      expect(imbalances(real.folder)).toEqual([])
    })
    fc.assert(property, { numRuns: 40 })
  }, 90_000)

  it('keeps the state of two uplinks apart', () => {
    const store = openStore(tempFolder(), { uplinks: ['cloud', 'plant'] })
    appendMany(store, 10)
    store.write(() => store.outbox('cloud').confirm([{ first: 1, last: 10 }], store.lastSeq))
    expect(store.outbox('cloud').next('live', store.lastSeq, 20)).toBeUndefined()
    expect(store.outbox('plant').next('live', store.lastSeq, 20)?.count).toBe(10)
    expect(store.backlog(store.outbox('plant'))).toEqual({
      uplink: 'plant',
      waiting: 10,
      oldestAt: 1_000,
      confirmed: 0,
      parked: 0,
    })
    expect(() => store.outbox('nowhere')).toThrow('nowhere')
    store.close()
  })
})

describe('a run', () => {
  it('gets a new name each time the store opens, and keeps it under a new epoch', () => {
    const folder = tempFolder()
    const runs = [folder, folder, folder].map((one) => {
      const store = openStore(one)
      const { run } = store
      store.beginEpoch()
      store.close()
      expect(store.run).toBe(run)
      expect(run).toMatch(/^[\w-]{12}\.$/)
      return run
    })
    expect(new Set(runs).size).toBe(3)
  })
})

describe('a new epoch', () => {
  it('has a new name that stays, keeps positions and confirmations, and offers everything else again', () => {
    const folder = tempFolder()
    let store = openStore(folder)
    const first = store.epoch
    appendMany(store, 10)
    const outbox = store.outbox('cloud')
    outbox.take({ first: 1, last: 8 })
    store.write(() => outbox.confirm([{ first: 1, last: 3 }], store.lastSeq))
    store.write(() => store.amend([{ series: 1, seq: 2, quality: 4, reasons: 1 }]))
    expect(outbox.amendments.next(10).length).toBe(1)
    const second = store.beginEpoch()
    expect(second).toMatch(/^[\w-]{12}$/)
    expect(second).not.toBe(first)
    expect(store.epoch).toBe(second)
    expect(seqsOf(outbox.next('backfill', store.lastSeq, 20))).toEqual([4, 5, 6, 7, 8, 9, 10])
    expect(outbox.amendments.next(10)).toEqual([])
    store.close()
    store = openStore(folder)
    expect(store.epoch).toBe(second)
    expect(store.lastSeq).toBe(10)
    store.close()
    expect(imbalances(folder)).toEqual([])
  })

  it('is the same after every restart, and different in every database', () => {
    const folder = tempFolder()
    const epochs = [folder, folder, tempFolder()].map((one) => {
      const store = openStore(one)
      store.close()
      return store.epoch
    })
    expect(epochs[0]).toBe(epochs[1])
    expect(epochs[0]).not.toBe(epochs[2])
  })
})
