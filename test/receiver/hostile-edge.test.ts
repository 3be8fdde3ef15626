import { encode } from 'cbor-x'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { silentLog } from '../../src/base/log.ts'
import { encodeAmendments } from '../../src/codec/amendments.ts'
import { BatchBuilder } from '../../src/codec/batch.ts'
import { RECEIPT_RANGES_MAX, type Receipt } from '../../src/codec/receipt.ts'
import { compress } from '../../src/codec/zstd.ts'
import { CloudConfigSync } from '../../src/receiver/config/config-sync.ts'
import { FleetWatch } from '../../src/receiver/fleet/watch.ts'
import { ReceiverIntake } from '../../src/receiver/intake.ts'
import { SqliteSink, type SqliteSinkOptions } from '../../src/receiver/sqlite/sqlite-sink.ts'
import { cpuMs } from '../../support/cpu.ts'
import { tempFolder } from '../../support/folder.ts'
import { onStop } from '../../support/started.ts'
import { EDGE, encoded, readings } from './batches.ts'

const NOW = 1_700_000_000_000
const HOSTILE = 'hostile'
const LIMITS = { devicesMax: 100, changesMax: 100, changesAgeMsMax: 1_000_000 }

/** A receiver without its connection. */
class Cloud {
  readonly sink: SqliteSink
  readonly receipts: Receipt[] = []
  readonly #intake: ReceiverIntake
  readonly #watch: FleetWatch
  readonly #configs: CloudConfigSync

  constructor(options: SqliteSinkOptions = {}) {
    this.sink = SqliteSink.open(tempFolder(), options)
    onStop(() => this.sink.close())
    const log = silentLog
    const limits = { prefix: 'tidegate', batchBytesMax: 1_048_576, batchReadingsMax: 100_000 }
    this.#intake = new ReceiverIntake({ ...limits, sink: this.sink, clock: { now: () => NOW }, log })
    this.#watch = new FleetWatch(this.sink.fleet, { log, now: () => NOW })
    const { configs: store } = this.sink
    this.#configs = new CloudConfigSync({
      store,
      prefix: 'tidegate',
      limits: LIMITS,
      check: () => [],
      log,
      now: () => NOW,
    })
  }

  /** The receipt for a message; undefined: there is none. */
  async send(payload: Uint8Array, { edge = HOSTILE, lane = 'live' } = {}): Promise<Receipt | undefined> {
    let receipt: Receipt | undefined
    await this.#intake.take({ topic: `tidegate/${edge}/up/${lane}`, payload }, async (_edge, one) => {
      receipt = one
    })
    return receipt
  }

  status(payload: Uint8Array, edge: string): void {
    this.#watch.take(payload, { edge, at: NOW, retained: false })
  }

  config(topic: string, payload: Uint8Array): Promise<void> {
    return this.#configs.take(topic, payload)
  }
}

interface Shape {
  readonly edge: string
  readonly epoch: string
  readonly first: number
  readonly count: number
  /** Distance between positions. */
  readonly step: number
  readonly series: number
  /** Different series have the same name. */
  readonly isTwice: boolean
  readonly nameChars: number
  readonly ts: number
  readonly covers: boolean
}

function batchOf({ edge, epoch, first, count, step, series, isTwice, nameChars, ts, covers }: Shape): Uint8Array {
  const builder = new BatchBuilder({ edge, epoch, run: 'run' })
  for (let i = 0; i < count; i++) builder.add(i % series, first + i * step, ts + i, i, 1, 0)
  const describe = (key: number) => ({
    device: 'd'.repeat(nameChars),
    metric: isTwice ? 'm' : `m${key}`,
    unit: undefined,
  })
  return builder.build(describe, { covers }).bytes
}

const shape: fc.Arbitrary<Shape> = fc.record({
  edge: fc.constantFrom(HOSTILE, HOSTILE, EDGE),
  epoch: fc.oneof(fc.constantFrom('a', 'b'), fc.string({ maxLength: 80 })),
  first: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constant(2 ** 40)),
  count: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constant(3_000)),
  step: fc.constantFrom(1, 1, 2, 3, 1_000_000),
  series: fc.integer({ min: 1, max: 20 }),
  isTwice: fc.boolean(),
  nameChars: fc.constantFrom(1, 128, 513, 5_000),
  ts: fc.constantFrom(0, NOW, -(2 ** 50), 2 ** 50),
  covers: fc.boolean(),
})

const amendments = fc
  .tuple(fc.array(fc.integer({ min: 1, max: 9_000 }), { minLength: 1, maxLength: 40 }), fc.constantFrom('a', 'b', 'c'))
  .map(([seqs, epoch]) => {
    const items = seqs.map((seq) => ({ seq, quality: 4 as const, reasons: 1 }))
    return encodeAmendments({ edge: HOSTILE, epoch, run: 'run', first: 1, last: items.length, items })
  })

const json = fc.jsonValue({ maxDepth: 4 })
const statusLike = fc.record(
  {
    state: fc.oneof(fc.constantFrom('online', 'offline'), json),
    version: json,
    at: fc.oneof(fc.double(), json),
    problems: fc.oneof(fc.array(fc.string(), { maxLength: 5_000 }), json),
    lastSeq: fc.oneof(fc.double(), json),
    backlog: json,
  },
  { requiredKeys: [] },
)
const configLike = fc.record(
  { v: fc.oneof(fc.constant(1), json), rev: json, config: json, base: json, hlc: json, by: json, paths: json },
  { requiredKeys: [] },
)

type Act = (cloud: Cloud) => Promise<unknown> | unknown
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 5,
    arbitrary: shape.map(
      (one): Act =>
        (cloud) =>
          cloud.send(batchOf(one)),
    ),
  },
  {
    weight: 2,
    arbitrary: amendments.map(
      (bytes): Act =>
        (cloud) =>
          cloud.send(bytes, { lane: 'amend' }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(shape, fc.nat(), fc.nat(255)).map(
      ([one, at, value]): Act =>
        (cloud) => {
          const bytes = batchOf({ ...one, nameChars: 1 })
          bytes[at % bytes.length] = value
          return cloud.send(bytes)
        },
    ),
  },
  {
    weight: 1,
    arbitrary: json.map(
      (item): Act =>
        (cloud) =>
          cloud.send(compress(encode(item))),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 100 }).map(
      (bytes): Act =>
        (cloud) =>
          cloud.send(bytes),
    ),
  },
  {
    weight: 1,
    arbitrary: statusLike.map(
      (one): Act =>
        (cloud) =>
          cloud.status(Buffer.from(JSON.stringify(one)), HOSTILE),
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(configLike, fc.constantFrom('head', 'reported', 'conflict', 'x'), fc.string({ maxLength: 40 }))
      .map(
        ([one, what, device]): Act =>
          (cloud) => {
            const topic = `tidegate/${HOSTILE}/config/${encodeURIComponent(device.toWellFormed())}/${what}`
            return cloud.config(topic, Buffer.from(JSON.stringify(one)))
          },
      ),
  },
)

it('nothing that one edge sends stops the receiver, or changes what it stores of another', async () => {
  const run = fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 25 }), async (acts) => {
    const cloud = new Cloud()
    const half = (first: number, last: number) => cloud.send(encoded(readings(first, last)), { edge: EDGE })
    expect(await half(1, 50)).toMatchObject({ kind: 'stored', ranges: [{ first: 1, last: 50 }], high: 50 })
    for (const one of acts) await one(cloud)
    expect(await half(40, 90)).toMatchObject({ kind: 'stored', ranges: [{ first: 40, last: 90 }], high: 90 })
    expect((await cloud.sink.fleet.edges()).find(({ edge }) => edge === EDGE)).toMatchObject({ readings: 90 })
    await cloud.sink.close()
  })
  await fc.assert(run, { numRuns: 40 })
})

it('a batch with 100,000 ranges is refused at once, with ranges that its edge can find it by', async () => {
  const cloud = new Cloud()
  const bytes = batchOf({ ...SECOND, count: 100_000 })
  expect(bytes.length).toBeLessThan(400)
  let receipt: Receipt | undefined
  const busyMs = await cpuMs(async () => {
    receipt = await cloud.send(bytes)
  })
  expect(receipt).toMatchObject({ kind: 'rejected', reason: `more than ${RECEIPT_RANGES_MAX} ranges of positions` })
  expect(receipt!.ranges).toHaveLength(RECEIPT_RANGES_MAX)
  expect(receipt!.ranges[0]).toEqual({ first: 1, last: 1 })
  expect(busyMs).toBeLessThan(1_000)
})

it('the work for a batch grows with its ranges and its readings, not with their product', async () => {
  const cloud = new Cloud()
  const odd = await cpuMs(async () => {
    const receipt = await cloud.send(batchOf({ ...SECOND, count: RECEIPT_RANGES_MAX, series: RECEIPT_RANGES_MAX }))
    expect(receipt).toMatchObject({ kind: 'stored' })
  })
  const even = await cpuMs(async () => {
    const receipt = await cloud.send(
      batchOf({ ...SECOND, first: 2, count: RECEIPT_RANGES_MAX, series: RECEIPT_RANGES_MAX }),
    )
    expect(receipt).toMatchObject({ kind: 'stored', high: 2 * RECEIPT_RANGES_MAX })
  })
  // It was 5 s for the first one.
  expect(odd + even).toBeLessThan(2_000)
})

it('amendments that jump between stretches read each stretch once', async () => {
  const cloud = new Cloud()
  const length = 20_000
  for (let k = 0; k < 6; k++) await cloud.send(batchOf({ ...SECOND, first: 1 + k * length, count: length, step: 1 }))
  const items = Array.from({ length: 240 }, (_, i) => ({
    seq: 1 + (i % 6) * length + i,
    quality: 4 as const,
    reasons: 1,
  }))
  const bytes = encodeAmendments({ edge: HOSTILE, epoch: 'a', run: 'run', first: 1, last: items.length, items })
  // It was 13.6 s.
  expect(await cpuMs(() => cloud.send(bytes, { lane: 'amend' }))).toBeLessThan(2_000)
})

it('an edge creates no more epochs and series than it may, and others are not affected', async () => {
  const cloud = new Cloud({ epochsPerEdgeMax: 3, seriesPerEdgeMax: 5, edgesMax: 2 })
  const kinds: string[] = []
  for (const epoch of ['a', 'b', 'c', 'd', 'e', 'a']) {
    kinds.push((await cloud.send(batchOf({ ...SECOND, epoch, count: 4, series: 1 })))!.kind)
  }
  expect(kinds).toEqual(['stored', 'stored', 'stored', 'rejected', 'rejected', 'stored'])
  const wide = { ...SECOND, first: 100, count: 20 }
  expect(await cloud.send(batchOf({ ...wide, series: 6 }))).toMatchObject({
    kind: 'rejected',
    reason: expect.stringContaining('5 series'),
  })
  expect(await cloud.send(batchOf({ ...wide, series: 5 }))).toMatchObject({ kind: 'stored' })
  expect(await cloud.send(encoded(readings(1, 9)), { edge: EDGE })).toMatchObject({ kind: 'stored' })
  expect(await cloud.send(batchOf({ ...SECOND, edge: 'third' }), { edge: 'third' })).toMatchObject({
    kind: 'rejected',
    reason: expect.stringContaining('2 edges'),
  })
})

it('a name longer than any edge has is refused, with SQLite too', async () => {
  const cloud = new Cloud()
  const refused = await cloud.send(batchOf({ ...SECOND, nameChars: 513 }))
  expect(refused).toMatchObject({ kind: 'rejected', reason: 'device longer than 512 characters' })
  const epoch = 'e'.repeat(65)
  expect(await cloud.send(batchOf({ ...SECOND, epoch }))).toMatchObject({ kind: 'rejected', epoch: '' })
})

/** Every second position. */
const SECOND: Shape = {
  ...{ edge: HOSTILE, epoch: 'a', first: 1, count: 10, step: 2, series: 1, isTwice: false, nameChars: 1, ts: NOW },
  covers: false,
}
