import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Seq, Value } from '../../../src/base/reading.ts'
import type { Batch } from '../../../src/codec/batch.ts'
import { tempFolder } from '../../../support/folder.ts'
import { until } from '../../../support/wait.ts'
import { imbalances } from '../../store/stores.ts'
import { open, readLog, Spine, type Stored } from '../spine.ts'

const TOPIC = 'telemetry/press/force'

async function publishMany(spine: Spine, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => spine.publish(TOPIC, `${i}`)))
}

/** The readings of a batch in the order of the log. */
function readingsOf({ series }: Batch): Stored[] {
  const readings = series.flatMap(({ device, metric, seq, ts, values, quality, reasons }) =>
    Array.from(seq, (one, i) => ({
      seq: one,
      device,
      metric,
      ts: ts[i]!,
      value: values[i]!,
      quality: quality[i]!,
      reasons: reasons[i]!,
    })),
  )
  return readings.sort((a, b) => a.seq - b.seq)
}

function seqsOf(batch: Batch): Seq[] {
  return readingsOf(batch).map(({ seq }) => seq)
}

/** Bytes as plain numbers, so that a Buffer and an array of the same bytes are equal. */
function plain(readings: readonly Stored[]): unknown[] {
  return readings.map((one) => ({ ...one, value: one.value instanceof Uint8Array ? [...one.value] : one.value }))
}

describe('the next message', () => {
  it('carries the readings of the log, and offers them until they are confirmed, and not after that', async () => {
    const folder = tempFolder()
    let spine = await Spine.start(folder, { uplink: { batchReadingsMax: 4 } })
    await publishMany(spine, 10)
    const sent = [await spine.nextBatch(), await spine.nextBatch(), await spine.nextBatch()]
    expect(sent.map(seqsOf)).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
      [9, 10],
    ])
    expect(sent.flatMap(readingsOf)).toEqual(readLog(folder))
    expect(await spine.next()).toEqual({ kind: 'wait', ms: undefined, backlog: false })
    expect(await spine.confirm(3, 6)).toEqual({ count: 4, renewed: false })
    expect(await spine.confirm(3, 7)).toEqual({ count: 1, renewed: false })
    await spine.releaseBatches()
    expect(seqsOf(await spine.nextBatch())).toEqual([1, 2])
    expect(seqsOf(await spine.nextBatch())).toEqual([8, 9, 10])
    await spine.stop()
    spine = await Spine.start(folder)
    expect(seqsOf(await spine.nextBatch())).toEqual([1, 2])
    expect(seqsOf(await spine.nextBatch())).toEqual([8, 9, 10])
    await spine.confirm(1, 10)
    await spine.releaseBatches()
    expect(await spine.next()).toEqual({ kind: 'wait', ms: undefined, backlog: false })
    expect((await spine.status()).backlogs).toEqual([
      { uplink: 'cloud', waiting: 0, oldestAt: undefined, confirmed: 10, parked: 0 },
    ])
    await spine.stop()
    expect(imbalances(folder)).toEqual([])
  })

  it('is delayed so that a batch can fill up, and is sent at once when the batch is full', async () => {
    const lingerMs = 3_600_000
    const spine = await Spine.start(tempFolder(), { uplink: { lingerMs, batchReadingsMax: 5 } })
    const publishedFrom = Date.now()
    await publishMany(spine, 4)
    const waits = await spine.next()
    const oldestAgeMaxMs = Date.now() - publishedFrom
    expect(waits.kind).toBe('wait')
    if (waits.kind === 'wait') expect(waits.ms! >= lingerMs - oldestAgeMaxMs && waits.ms! <= lingerMs).toBe(true)
    await publishMany(spine, 2)
    expect(seqsOf(await spine.nextBatch())).toEqual([1, 2, 3, 4, 5])
    expect((await spine.next()).kind).toBe('wait')
    await spine.stop()
  })

  it('is sent after the linger time even if it is not full', async () => {
    const spine = await Spine.start(tempFolder(), { uplink: { lingerMs: 150 } })
    await publishMany(spine, 2)
    const outgoing = await until(async () => {
      const next = await spine.next()
      return next.kind === 'batch' ? next : undefined
    })
    expect(seqsOf(open(outgoing))).toEqual([1, 2])
    expect(outgoing.lane).toBe('live') // 10 s later they would be backlog
    await spine.stop()
  })
})

const number = fc.integer({ min: 0, max: 100 })
const value: fc.Arbitrary<Value> = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  number,
  fc.boolean(),
  fc.string({ unit: 'binary-ascii', maxLength: 200 }),
  fc
    .uint8Array({ min: 1, max: 255, minLength: 1_500, maxLength: 2_000 })
    .map((bytes) => Buffer.from(bytes).toString('base64')),
)

const payloads = fc.oneof(
  fc.array(value, { minLength: 1, maxLength: 300, size: 'max' }),
  fc.array(number, { minLength: 100, maxLength: 300, size: 'max' }),
)

describe('a batch', () => {
  it('is never larger than allowed unless it is a single reading, and all batches together are the log, once', async () => {
    const folder = tempFolder()
    // Series with values of all types: without this rule, texts are amended when the first number follows.
    const spine = await Spine.start(folder, { quality: [{ match: '*/*', type: 'any' }] })
    const seen: Stored[] = []
    const sizes: { bytes: number; count: number }[] = []
    const property = fc.asyncProperty(payloads, async (values) => {
      await Promise.all(values.map((one, i) => spine.publish(`telemetry/d${i % 7}/m`, JSON.stringify(one))))
      for (;;) {
        const outgoing = await spine.next({ bytesMax: 1_024 })
        if (outgoing.kind !== 'batch') break
        const batch = open(outgoing)
        expect([batch.count, seqsOf(batch)[0], seqsOf(batch).at(-1)]).toEqual([
          ...[outgoing.count, outgoing.range.first, outgoing.range.last],
        ])
        sizes.push({ bytes: outgoing.bytes.length, count: outgoing.count })
        seen.push(...readingsOf(batch))
      }
    })
    await fc.assert(property, { numRuns: 20 })
    await spine.stop()
    expect(sizes.filter(({ bytes, count }) => bytes > 1_024 && count > 1)).toEqual([])
    expect(sizes.filter(({ bytes, count }) => bytes > 1_024 && count === 1).length).toBeGreaterThan(0)
    expect(sizes.filter(({ count }) => count > 20).length).toBeGreaterThan(0)
    expect(plain(seen)).toEqual(plain(readLog(folder)))
  })
})

describe('the messages for a broker with a small maximum packet size', () => {
  it('are never larger than requested, unless one is a single reading', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder, { uplink: { batchBytesMax: 131_072 } })
    await Promise.all(
      Array.from({ length: 300 }, (_, i) => spine.publish(TOPIC, `"${randomBytes(60).toString('hex')}${i}"`)),
    )
    const seen: Stored[] = []
    for (const bytesMax of [1_000, 500, 5_000, 10, 2_000]) {
      for (let i = 0; i < 3; i++) {
        const outgoing = await spine.next({ bytesMax })
        const batch = open(outgoing)
        if (outgoing.kind === 'batch') expect(outgoing.bytes.length <= bytesMax || batch.count === 1).toBe(true)
        expect(batch.count > 1).toBe(bytesMax > 10)
        seen.push(...readingsOf(batch))
      }
    }
    expect(seen).toEqual(readLog(folder).slice(0, seen.length))
    await spine.stop()
  })
})

describe('an answer to messages of a former run', () => {
  it.each([{ high: 0 }, { high: 99 }, { forked: true }])('confirms nothing and begins no epoch: %o', async (answer) => {
    const folder = tempFolder()
    let spine = await Spine.start(folder)
    await publishMany(spine, 5)
    const former = await spine.nextBatch()
    await spine.stop()
    spine = await Spine.start(folder)
    const { epoch, run } = await spine.nextBatch()
    expect([epoch, run === former.run]).toEqual([former.epoch, false])
    expect(await spine.confirm(1, 5, { run: former.run, ...answer })).toEqual({ count: 0, renewed: false })
    expect((await spine.status()).epoch).toBe(epoch)
    await spine.releaseBatches()
    expect(seqsOf(await spine.nextBatch())).toEqual([1, 2, 3, 4, 5])
    expect(await spine.confirm(1, 5)).toEqual({ count: 5, renewed: false })
    await spine.stop()
    expect(imbalances(folder)).toEqual([])
  })
})

describe('a receiver that knows more than this database', () => {
  it.each([
    ['positions that were never assigned', { high: 6 }],
    ['other readings under these positions', { high: 3, forked: true }],
  ])('makes the edge begin a new epoch: %s', async (_what, answer) => {
    const folder = tempFolder()
    let spine = await Spine.start(folder)
    await publishMany(spine, 5)
    const before = await spine.nextBatch()
    expect(await spine.confirm(1, 2, { high: 5 })).toEqual({ count: 2, renewed: false })
    expect(await spine.confirm(3, 4, answer)).toEqual({ count: 0, renewed: true })
    const { epoch } = await spine.status()
    expect(epoch).not.toBe(before.epoch)
    expect(await spine.confirm(1, 5, { epoch: before.epoch, high: 99 })).toEqual({ count: 0, renewed: false })
    const after = await spine.nextBatch()
    expect([after.epoch, seqsOf(after)]).toEqual([epoch, [3, 4, 5]])
    await spine.stop()
    spine = await Spine.start(folder)
    expect((await spine.status()).epoch).toBe(epoch)
    expect(seqsOf(await spine.nextBatch())).toEqual([3, 4, 5])
    await spine.stop()
    expect(imbalances(folder)).toEqual([])
  })
})
