import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { combine } from '../../../src/base/flags.ts'
import type { Amendment, Quality, StoredReading, Value, Verdict } from '../../../src/base/reading.ts'
import type { Delivery, Sink, StoreResult } from '../../../src/receiver/sink.ts'
import { amendments, batch, batchOf, EDGE, EPOCH, RUN, reading, readings, verdict } from '../batches.ts'

/** A reading as another client reads it from the store. */
export interface SeenReading extends StoredReading {
  readonly edge: string
  readonly epoch: string
}

export interface SinkUnderTest {
  readonly sink: Sink
  /** All readings in the store, in the order of edge, epoch, position; read without the sink. */
  seen(): Promise<readonly SeenReading[]> | readonly SeenReading[]
  /** The same store, opened again. */
  reopen(): Promise<SinkUnderTest> | SinkUnderTest
}

const AT = 1_700_000_000_000

async function store(sink: Sink, ...deliveries: Delivery[]): Promise<readonly StoreResult[]> {
  return await sink.store(deliveries, AT)
}

function asSeen(all: readonly StoredReading[], { edge = EDGE, epoch = EPOCH } = {}): SeenReading[] {
  return all.map((one) => ({ edge, epoch, ...one }))
}

/** The promises of a sink, for every kind of sink. `open` returns an empty one. */
export function describeSink(name: string, open: () => Promise<SinkUnderTest> | SinkUnderTest): void {
  describe(`${name} keeps the promises of a sink`, () => {
    it('stores a batch that arrives twice only once, also over a restart, and reports the stored positions', async () => {
      const first = await open()
      const stored = { kind: 'stored', ranges: [{ first: 1, last: 9 }], high: 9 }
      expect(await store(first.sink, batch(readings(1, 9)))).toEqual([{ ...stored, repeats: 0 }])
      expect(await store(first.sink, batch(readings(1, 9)))).toEqual([{ ...stored, repeats: 9 }])
      const again = await first.reopen()
      expect(await store(again.sink, batch(readings(1, 9)))).toEqual([{ ...stored, repeats: 9 }])
      expect(await again.seen()).toEqual(asSeen(readings(1, 9)))
    })

    it('stores each reading of overlapping batches once, also within one commit', async () => {
      const { sink, seen } = await open()
      await store(sink, batch(readings(4, 6)))
      const results = await store(sink, batch(readings(1, 5)), batch(readings(3, 9)), batch(readings(2, 12)))
      expect(results.map((result) => result.kind === 'stored' && [result.repeats, result.high])).toEqual([
        [2, 6],
        [4, 9],
        [8, 12],
      ])
      expect(await seen()).toEqual(asSeen(readings(1, 12)))
    })

    it('reports the gaps of a covering batch as stored, and counts only readings as repeats', async () => {
      const { sink, seen } = await open()
      const thinned = [2, 5, 6, 9].map((seq) => reading(seq))
      const covering = { ...batchOf(thinned), ranges: [{ first: 2, last: 9 }] }
      await store(sink, batch(readings(4, 5)))
      const results = await store(sink, { kind: 'batch', batch: covering }, { kind: 'batch', batch: covering })
      expect(results).toEqual([
        { kind: 'stored', ranges: [{ first: 2, last: 9 }], high: 9, repeats: 1 },
        { kind: 'stored', ranges: [{ first: 2, last: 9 }], high: 9, repeats: 4 },
      ])
      expect(await seen()).toEqual(asSeen([2, 4, 5, 6, 9].map((seq) => reading(seq))))
    })

    it('stores a repeat from another run once: the run is not a part of the key of a reading', async () => {
      const { sink, seen } = await open()
      await store(sink, batch(readings(1, 3), { run: 'run-1' }))
      const [result] = await store(sink, batch(readings(1, 4), { run: 'run-2' }))
      expect(result).toMatchObject({ kind: 'stored', repeats: 3 })
      expect(await seen()).toEqual(asSeen(readings(1, 4)))
    })

    it('keeps the logs of edges and epochs apart', async () => {
      const { sink, seen } = await open()
      const other = reading(1, { value: 'other' })
      await store(sink, batch([reading(1)]), batch([other], { edge: 'z' }), batch([other], { epoch: 'z' }))
      expect(await seen()).toEqual([
        ...asSeen([reading(1)]),
        ...asSeen([other], { epoch: 'z' }),
        ...asSeen([other], { edge: 'z' }),
      ])
    })

    it('keeps the type and every bit of a value, and its verdict', async () => {
      const { sink, seen } = await open()
      const value: fc.Arbitrary<Value> = fc.oneof(
        fc.double({ noNaN: true }),
        fc.maxSafeInteger(),
        fc.boolean(),
        fc.string({ unit: 'grapheme' }),
        fc.uint8Array({ maxLength: 40 }),
        fc.constantFrom<Value[]>(null, -0, 0, 1, '', '1', '\0a', 5e-324, 2 ** 60, new Uint8Array(), true),
      )
      const good = { quality: 1 as Quality, reasons: 0 }
      const odd: Verdict = { quality: 2, reasons: 4 }
      const verdicts = fc.constantFrom<Verdict[]>(good, good, good, good, good, good, good, good, odd)
      let epoch = 0
      await fc.assert(
        fc.asyncProperty(fc.array(fc.tuple(value, verdicts), { minLength: 1, maxLength: 60 }), async (rows) => {
          epoch++
          const values = rows.map(([one]) => one)
          const all = rows.map(([one, verdict], i) => reading(i + 1, { device: 'pump', value: one, ...verdict }))
          const from = { epoch: String(epoch) }
          await store(sink, batch(all, from))
          const found = (await seen()).filter((one) => one.epoch === from.epoch)
          expect(found.map((one) => plain(one.value))).toEqual(values.map(plain))
          expect(found.map(({ quality, reasons }) => ({ quality, reasons }))).toEqual(
            rows.map(([, verdict]) => verdict),
          )
          expect((await store(sink, batch(all, from)))[0]).toMatchObject({ kind: 'stored', repeats: all.length })
        }),
        { numRuns: 50 },
      )
    })

    it('recognizes a fork by a repeat with another content, and stores nothing of that batch', async () => {
      const { sink, seen } = await open()
      await store(sink, batch(readings(1, 9)))
      const changes: Partial<StoredReading>[] = [
        { device: 'other' },
        { metric: 'other' },
        { ts: 1 },
        { value: 5 },
        { value: '0.5' },
        { value: null },
      ]
      for (const change of changes) {
        const forked = batch([reading(5, change), ...readings(10, 12)])
        const ranges = [
          { first: 5, last: 5 },
          { first: 10, last: 12 },
        ]
        expect(await store(sink, forked)).toEqual([{ kind: 'forked', ranges, high: 9 }])
      }
      expect(await seen()).toEqual(asSeen(readings(1, 9)))
      expect(await store(sink, batch([...readings(10, 12)]))).toMatchObject([{ kind: 'stored', repeats: 0 }])
    })

    it('distinguishes numbers from booleans and zero from minus zero when it checks for a fork', async () => {
      const { sink } = await open()
      await store(sink, batch([reading(1, { value: 1 }), reading(2, { value: 0 }), reading(3, { value: false })]))
      for (const forked of [reading(1, { value: true }), reading(2, { value: -0 }), reading(3, { value: 0 })]) {
        expect(await store(sink, batch([forked]))).toMatchObject([{ kind: 'forked' }])
      }
    })

    it('does not compare units when it checks for a fork', async () => {
      const { sink } = await open()
      await store(sink, batch([reading(1)]))
      expect(await store(sink, batch([reading(1, { unit: undefined })]))).toMatchObject([{ kind: 'stored' }])
    })

    it('answers amendments that arrive before their readings, and keeps them over a restart', async () => {
      const first = await open()
      expect(await store(first.sink, amendments(verdict(2, 3, 64)))).toEqual([{ kind: 'amended', high: 0 }])
      const { sink, seen } = await first.reopen()
      await store(sink, batch(readings(1, 3)))
      expect(await seen()).toEqual(asSeen([reading(1), reading(2, { quality: 3, reasons: 64 }), reading(3)]))
    })

    it('has one result for batches and amendments in any order, cut and repeated in any way', async () => {
      const { sink, seen } = await open()
      let epoch = 0
      await fc.assert(
        fc.asyncProperty(history(), async ({ parcels, commits }) => {
          epoch++
          const from = { edge: EDGE, epoch: String(epoch) }
          const deliveries = parcels.map((parcel) => asDelivery(parcel, from))
          for (let start = 0; start < deliveries.length; start += commits) {
            const results = await store(sink, ...deliveries.slice(start, start + commits))
            expect(results.every(({ kind }) => kind === 'stored' || kind === 'amended')).toBe(true)
          }
          const found = (await seen()).filter((one) => one.epoch === from.epoch)
          expect(found).toEqual(asSeen(expectedFrom(parcels), from))
        }),
        { numRuns: 100 },
      )
    })

    it('keeps rejects without treating them as readings', async () => {
      const { sink, seen } = await open()
      const reject = { topic: 'a/b', reason: 'garbage', payload: Buffer.from('{') }
      expect(await store(sink, { kind: 'reject', reject }, batch([reading(1)]))).toMatchObject([
        { kind: 'kept' },
        { kind: 'stored' },
      ])
      expect(await seen()).toHaveLength(1)
    })
  })
}

/** The content of one message: readings with their verdicts, or verdicts alone. */
interface Parcel {
  readonly kind: 'batch' | 'amendments'
  readonly items: readonly Amendment[]
}

function history(): fc.Arbitrary<{ parcels: Parcel[]; commits: number }> {
  const quality = fc.constantFrom<Quality[]>(1, 2, 3, 4, 9)
  const item = fc.record({ seq: fc.integer({ min: 1, max: 12 }), quality, reasons: fc.integer({ min: 0, max: 7 }) })
  const kind = fc.constantFrom<Parcel['kind'][]>('batch', 'amendments')
  const items = fc.uniqueArray(item, { selector: ({ seq }) => seq, minLength: 1, maxLength: 8 })
  const sorted = items.map((all) => all.toSorted((a, b) => a.seq - b.seq))
  const parcels = fc.array(fc.record({ kind, items: sorted }), { minLength: 1, maxLength: 10 })
  return fc.record({ parcels, commits: fc.integer({ min: 1, max: 4 }) })
}

function asDelivery({ kind, items }: Parcel, from: { edge: string; epoch: string }): Delivery {
  if (kind === 'amendments') return { kind, amendments: { ...from, run: RUN, first: 1, last: items.length, items } }
  return batch(
    items.map(({ seq, quality, reasons }) => reading(seq, { quality, reasons })),
    from,
  )
}

/** Every reading that arrived in a batch, with the combination of all its verdicts. */
function expectedFrom(parcels: readonly Parcel[]): StoredReading[] {
  const verdicts = new Map<number, Verdict>()
  for (const { seq, quality, reasons } of parcels.flatMap(({ items }) => items)) {
    verdicts.set(seq, combine(verdicts.get(seq) ?? { quality, reasons }, { quality, reasons }))
  }
  const came = new Set(
    parcels.filter(({ kind }) => kind === 'batch').flatMap(({ items }) => items.map(({ seq }) => seq)),
  )
  return [...came].sort((a, b) => a - b).map((seq) => reading(seq, verdicts.get(seq)))
}

/** The bytes of any kind of array. */
function plain(value: Value): unknown {
  return value instanceof Uint8Array ? { bytes: Buffer.from(value).toString('hex') } : value
}
