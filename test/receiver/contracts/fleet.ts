import { describe, expect, it } from 'vitest'
import { REQUEST_RANGES_MAX } from '../../../src/codec/request.ts'
import {
  type EdgeNote,
  type EdgeReport,
  type EdgeView,
  type Fleet,
  REPEAT_MAX_MS,
  REPEAT_MIN_MS,
} from '../../../src/receiver/fleet/fleet.ts'
import type { Sink } from '../../../src/receiver/sink.ts'
import { batch, batchOf, EDGE, EPOCH, reading, readings } from '../batches.ts'

export interface FleetUnderTest {
  readonly sink: Sink & { readonly fleet: Fleet }
}

const AT = 1_700_000_000_000
const NOTHING_SAID: EdgeReport = {
  version: undefined,
  at: undefined,
  upMs: undefined,
  healthy: undefined,
  problems: [],
  epoch: undefined,
  lastSeq: undefined,
  waiting: undefined,
  oldestAt: undefined,
}
const SAID: EdgeReport = {
  version: '1.2.3',
  at: AT - 40,
  upMs: 5_000,
  healthy: false,
  problems: ['the disk is full', 'a "quoted" one'],
  epoch: EPOCH,
  lastSeq: 9,
  waiting: 7,
  oldestAt: AT - 60_000,
}

function noteOf(more: Partial<EdgeNote> = {}): EdgeNote {
  return { edge: EDGE, state: 'online', seenAt: AT, report: SAID, clockOffsetMs: 40, ...more }
}

/** The promises of the view of a fleet, for every kind of sink. `open` returns one without edges. */
export function describeFleet(name: string, open: () => Promise<FleetUnderTest> | FleetUnderTest): void {
  describe(`${name} keeps the view of the edges`, () => {
    const one = async (fleet: Fleet): Promise<EdgeView | undefined> => (await fleet.edges())[0]

    it('returns the last report of an edge, the number of its stored readings and the time of the last one', async () => {
      const { sink } = await open()
      expect(await sink.fleet.edges()).toEqual([])
      await sink.fleet.note([noteOf()])
      const said = { edge: EDGE, state: 'online', ...SAID, clockOffsetMs: 40 }
      expect(await sink.fleet.edges()).toEqual([{ ...said, seenAt: AT, readings: 0, storedAt: undefined }])
      await sink.store([batch(readings(1, 5)), batch(readings(4, 9))], AT + 500)
      await sink.store([batch(readings(1, 9))], AT + 900)
      expect(await one(sink.fleet)).toEqual({ ...said, seenAt: AT + 500, readings: 9, storedAt: AT + 500 })
    })

    it('lists an edge that never sent a report by its readings', async () => {
      const { sink } = await open()
      await sink.store([batch(readings(1, 5)), batch(readings(1, 2), { epoch: 'another' })], AT)
      const stored = { readings: 7, storedAt: AT, seenAt: AT, clockOffsetMs: undefined }
      expect(await sink.fleet.edges()).toEqual([{ edge: EDGE, state: undefined, ...NOTHING_SAID, ...stored }])
    })

    it('keeps the last report of an edge that goes offline, and of one of which only a retained message arrives', async () => {
      const { sink } = await open()
      await sink.fleet.note([noteOf()])
      await sink.fleet.note([noteOf({ state: 'offline', seenAt: AT + 9, report: undefined, clockOffsetMs: undefined })])
      expect(await one(sink.fleet)).toMatchObject({ state: 'offline', seenAt: AT + 9, ...SAID, clockOffsetMs: 40 })
      const kept = noteOf({ seenAt: undefined, clockOffsetMs: undefined, report: { ...SAID, version: '2' } })
      await sink.fleet.note([kept])
      expect(await one(sink.fleet)).toMatchObject({ state: 'online', seenAt: AT + 9, version: '2', clockOffsetMs: 40 })
    })

    it('lists edges by name, each once', async () => {
      const { sink } = await open()
      await sink.fleet.note([noteOf({ edge: 'c' }), noteOf({ edge: 'a' }), noteOf({ edge: 'c' })])
      await sink.store([batch([reading(1)], { edge: 'b' }), batch([reading(1)], { edge: 'c' })], AT)
      expect((await sink.fleet.edges()).map(({ edge }) => edge)).toEqual(['a', 'b', 'c'])
    })
  })

  describe(`${name} knows which positions are missing`, () => {
    const found = async (fleet: Fleet, edge?: string) => await fleet.gaps({ edge, limit: 100 })

    it('lists the missing positions below the highest one, and since when they are missing', async () => {
      const { sink } = await open()
      expect(await found(sink.fleet)).toEqual([])
      await sink.store([batch(readings(4, 5))], AT)
      await sink.store([batch(readings(9, 9))], AT + 1)
      const gap = { edge: EDGE, epoch: EPOCH, askedAt: undefined }
      const lacking = [
        { ...gap, first: 1, last: 3, since: AT },
        { ...gap, first: 6, last: 8, since: AT + 1 },
      ]
      expect(await found(sink.fleet)).toEqual(lacking)
      expect(await found(sink.fleet, 'another')).toEqual([])
      expect(await sink.fleet.gaps({ limit: 1 })).toEqual(lacking.slice(0, 1))
      await sink.store([batch(readings(6, 8)), { kind: 'batch', batch: voidBatch(1, 3) }], AT + 2)
      expect(await found(sink.fleet)).toEqual([])
    })

    it('lists positions that an edge has reported as assigned and that are missing, also when none of its readings arrived', async () => {
      const { sink } = await open()
      await sink.fleet.note([noteOf(), noteOf({ edge: 'silent' })])
      await sink.store([batch(readings(1, 4))], AT)
      expect(await found(sink.fleet)).toEqual([
        { edge: EDGE, epoch: EPOCH, first: 5, last: 9, since: AT, askedAt: undefined },
        { edge: 'silent', epoch: EPOCH, first: 1, last: 9, since: AT, askedAt: undefined },
      ])
    })

    it('starts a later epoch at its first position here: earlier positions were confirmed under the earlier epoch', async () => {
      const { sink } = await open()
      await sink.store([batch(readings(1, 9))], AT)
      await sink.store([batch([reading(7), reading(9)], { epoch: 'later' })], AT)
      await sink.fleet.note([noteOf({ report: { ...SAID, epoch: 'later', lastSeq: 9 } })])
      const lacking = { edge: EDGE, epoch: 'later', first: 8, last: 8, since: AT, askedAt: undefined }
      expect(await found(sink.fleet)).toEqual([lacking])
    })
  })

  describe(`${name} requests missing positions`, () => {
    const gap = (first: number, last: number, edge = EDGE) => ({ edge, epoch: EPOCH, first, last })
    const ask = (...ranges: { first: number; last: number }[]) => ({ edge: EDGE, epoch: EPOCH, ranges })

    it('sends a request to an edge that is online, and repeats it after doubling pauses until the positions are stored', async () => {
      const { sink } = await open()
      const { fleet } = sink
      await sink.store([batch(readings(10, 10))], AT)
      expect(await fleet.due(AT)).toEqual([])
      expect(await fleet.request([gap(1, 9)], AT)).toBe(1)
      expect(await fleet.request([gap(1, 9)], AT)).toBe(0)
      expect(await fleet.due(AT)).toEqual([])
      await fleet.note([noteOf({ state: 'offline' })])
      expect(await fleet.due(AT)).toEqual([])
      expect((await fleet.gaps({ limit: 9 }))[0]).toMatchObject({ first: 1, last: 9, askedAt: 0 })
      await fleet.note([noteOf()])
      expect(await fleet.due(AT)).toEqual([ask({ first: 1, last: 9 })])
      expect((await fleet.gaps({ limit: 9 }))[0]).toMatchObject({ first: 1, last: 9, askedAt: AT })
      expect(await fleet.due(AT + REPEAT_MIN_MS - 1)).toEqual([])
      await sink.store([batch(readings(4, 5))], AT)
      const rest = [ask({ first: 1, last: 3 }, { first: 6, last: 9 })]
      expect(await fleet.due(AT + REPEAT_MIN_MS)).toEqual(rest)
      expect(await fleet.due(AT + 3 * REPEAT_MIN_MS - 1)).toEqual([])
      expect(await fleet.due(AT + 3 * REPEAT_MIN_MS)).toEqual(rest)
      await sink.store([{ kind: 'batch', batch: voidBatch(1, 9) }], AT)
      expect(await fleet.due(AT + 2 * REPEAT_MAX_MS)).toEqual([])
      expect(await fleet.request([gap(1, 9)], AT)).toBe(1) // the earlier request is done and deleted
    })

    it('requests positions once, however often and in whatever ranges they were noted', async () => {
      const { sink } = await open()
      const { fleet } = sink
      await fleet.note([noteOf()])
      await fleet.request([gap(1, 9), gap(20, 30)], AT)
      expect(await fleet.request([gap(4, 9)], AT)).toBe(0)
      await fleet.request([gap(7, 12), gap(20, 40)], AT)
      expect(await fleet.due(AT)).toEqual([ask({ first: 1, last: 12 }, { first: 20, last: 40 })])
      expect(await fleet.due(AT)).toEqual([])
    })

    it('requests from each edge its own positions, and at most as many ranges at once as a request may have', async () => {
      const { sink } = await open()
      const { fleet } = sink
      const many = Array.from({ length: REQUEST_RANGES_MAX + 20 }, (_, i) => gap(2 * i + 1, 2 * i + 1))
      await fleet.request([...many, gap(5, 7, 'z')], AT)
      await fleet.note([noteOf(), noteOf({ edge: 'z' })])
      const [first, other, ...more] = await fleet.due(AT)
      expect(more).toEqual([])
      expect(first).toEqual(ask(...many.slice(0, REQUEST_RANGES_MAX).map(rangeOf)))
      expect(other).toEqual({ ...ask({ first: 5, last: 7 }), edge: 'z' })
      expect(await fleet.due(AT)).toEqual([ask(...many.slice(REQUEST_RANGES_MAX).map(rangeOf))])
      expect(await fleet.due(AT)).toEqual([])
    })
  })
}

function rangeOf({ first, last }: { first: number; last: number }) {
  return { first, last }
}

/** A batch that reports these positions as empty. */
function voidBatch(first: number, last: number) {
  return { ...batchOf([]), ranges: [{ first, last }] }
}
