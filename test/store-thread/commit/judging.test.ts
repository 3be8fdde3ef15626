import { describe, expect, it } from 'vitest'
import { Reason } from '../../../src/base/flags.ts'
import type { Seq } from '../../../src/base/reading.ts'
import { decodeAmendments } from '../../../src/codec/amendments.ts'
import { tempFolder } from '../../../support/folder.ts'
import { open, readLog, Spine } from '../spine.ts'

const TOPIC = 'telemetry/press/force'

/** The present, so that no reading is from the future or stale. */
const START = Math.floor(Date.now() / 1_000) * 1_000 - 60_000

function at(value: number, second: number): string {
  return JSON.stringify({ value, ts: START + second * 1_000 })
}

async function publishAll(spine: Spine, values: readonly number[], fromSecond = 0): Promise<void> {
  for (const [i, value] of values.entries()) await spine.publish(TOPIC, at(value, fromSecond + i))
}

function flags(folder: string): number[] {
  return readLog(folder).map(({ quality }) => quality)
}

const FLAT = { quality: [{ match: '*/force', flat: { suspectS: 3, failS: 6, tolerance: 0.5 } }] }
const SPIKE = { quality: [{ match: '*/force', spike: { suspect: 5, fail: 20 } }] }

describe('the state of the judge', () => {
  it('survives a restart: a flat line that began before it is recognized', async () => {
    const values = [1, 9, 9, 9, 9, 9, 9, 9, 9, 1]
    const whole = tempFolder()
    const spine = await Spine.start(whole, FLAT)
    await publishAll(spine, values)
    await spine.stop()
    expect(flags(whole)).toEqual([1, 1, 1, 1, 3, 3, 3, 4, 4, 1])
    const parts = tempFolder()
    for (const [i, value] of values.entries()) {
      if (i % 3 !== 0) continue
      const part = await Spine.start(parts, FLAT)
      await publishAll(part, [value, ...values.slice(i + 1, i + 3)], i)
      await part.stop()
    }
    expect(readLog(parts)).toEqual(readLog(whole))
  })

  it('survives a restart: the order of times, and the type of a series', async () => {
    const folder = tempFolder()
    let spine = await Spine.start(folder)
    await publishAll(spine, [1, 2], 10)
    await spine.stop()
    spine = await Spine.start(folder)
    await spine.publish(TOPIC, at(3, 5))
    await spine.publish(TOPIC, at(4, 11))
    await spine.publish(TOPIC, at(5, 12).replace('5', '"five"'))
    await spine.stop()
    expect(
      readLog(folder)
        .slice(2)
        .map(({ quality, reasons }) => [quality, reasons]),
    ).toEqual([
      [3, Reason.TIME_BACKWARD],
      [1, Reason.DUPLICATE],
      [4, Reason.TYPE],
    ])
  })

  it('does not change with a repeat that has no time', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder, SPIKE)
    await spine.publish(TOPIC, '1')
    await spine.publish(TOPIC, '100', { dup: true })
    await spine.publish(TOPIC, '1')
    await spine.stop()
    expect(readLog(folder).map(({ reasons }) => reasons & Reason.SPIKE)).toEqual([0, 0, 0])
  })
})

describe('a spike', () => {
  it('changes the stored verdict when the next reading reveals it, in the same commit or a later one', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder, SPIKE)
    const values = [1, 50, 1, 1, 8, 1, 1]
    await Promise.all(values.map((value, i) => spine.publish(TOPIC, at(value, i))))
    for (const [i, value] of values.entries()) await spine.publish('telemetry/oven/force', at(value, i))
    await spine.stop()
    const spikes = readLog(folder).map(({ quality, reasons }) => ((reasons & Reason.SPIKE) !== 0 ? quality : 0))
    expect(spikes.slice(0, 7)).toEqual([0, 4, 0, 0, 3, 0, 0])
    expect(spikes.slice(7)).toEqual([0, 4, 0, 0, 3, 0, 0])
  })

  it('is amended after a restart if it was the last reading before, and the amendment is sent if the reading was sent', async () => {
    const folder = tempFolder()
    let spine = await Spine.start(folder, SPIKE)
    await publishAll(spine, [1, 1, 50])
    const batch = await spine.nextBatch()
    expect(batch.count).toBe(3)
    await spine.confirm(1, 3)
    await spine.stop()
    expect(flags(folder)[2]).not.toBe(4)
    spine = await Spine.start(folder, SPIKE)
    await publishAll(spine, [1], 3)
    expect(readLog(folder)[2]).toMatchObject({ quality: 4 })
    await spine.nextBatch()
    expect(await spine.next()).toMatchObject({ kind: 'amendments' })
    await spine.stop()
  })

  it.each([{ epoch: 'former' }, { run: 'former' }])(
    'is reported again until the receiver answers the message of this run and epoch, not one of a %o one',
    async (former) => {
      const spine = await Spine.start(tempFolder(), SPIKE)
      await publishAll(spine, [1, 1, 50])
      await spine.nextBatch()
      await spine.confirm(1, 3)
      await publishAll(spine, [1], 3)
      await spine.nextBatch()
      await spine.confirm(4, 4)
      const amendments = await spine.next()
      if (amendments.kind !== 'amendments') throw new Error(`expected amendments, got ${amendments.kind}`)
      const { epoch, run, lastId } = amendments
      const answer = { uplink: 'cloud', epoch, run, lastId }
      await spine.thread.call('confirmAmendments', { ...answer, ...former })
      await spine.releaseBatches()
      expect(await spine.next()).toEqual(amendments)
      await spine.thread.call('confirmAmendments', answer)
      await spine.releaseBatches()
      expect((await spine.next()).kind).toBe('wait')
      await spine.stop()
    },
  )

  it('is reported in messages within the size limit, each amendment once and in order', async () => {
    const devices = Array.from({ length: 200 }, (_, i) => `telemetry/press-${i}/force`)
    const spine = await Spine.start(tempFolder(), SPIKE)
    const publish = (topics: readonly string[], value: number, second: number) =>
      Promise.all(topics.map((topic) => spine.publish(topic, at(value, second))))
    for (const [second, value] of [1, 1, 50].entries()) await publish(devices, value, second)
    await spine.nextBatch()
    await spine.confirm(1, 600)
    const inAnyOrder = devices.toSorted(() => Math.random() - 0.5)
    await publish(inAnyOrder, 1, 3)
    await spine.nextBatch()
    await spine.confirm(601, 800)
    const received: Seq[] = []
    for (const bytesMax of [10, 120, 120, 1_000]) {
      const outgoing = await spine.next({ bytesMax })
      if (outgoing.kind !== 'amendments') throw new Error(`expected amendments, got ${outgoing.kind}`)
      expect(outgoing.bytes.length <= bytesMax || outgoing.count === 1).toBe(true)
      const decoded = decodeAmendments(outgoing.bytes, { readingsMax: 1_000, bytesMax: 100_000 })
      if (!decoded.ok) throw new Error(decoded.reason)
      received.push(...decoded.amendments.items.map(({ seq }) => seq))
      expect(await spine.next(), 'nothing more before this one is answered').toMatchObject({
        kind: 'wait',
        ms: undefined,
      })
      const { epoch, run, lastId } = outgoing
      await spine.thread.call('confirmAmendments', { uplink: 'cloud', epoch, run, lastId })
    }
    expect(received).toEqual(inAnyOrder.map((topic) => 401 + devices.indexOf(topic)))
    await spine.stop()
  })

  it('is found again when the commit that found it first has failed, as if that commit never existed', async () => {
    const folder = tempFolder()
    const limits = { store: { maxBytes: 1_048_576 }, ingest: { batchBytesMax: 4_194_304 } }
    const spine = await Spine.start(folder, { ...SPIKE, ...limits })
    await publishAll(spine, [1, 1, 50])
    const inSameBatch = spine.publish(TOPIC, at(1, 3))
    const texts = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`note${i}`, 'x'.repeat(4_000)]))
    const huge = spine.publish('telemetry/press/all', JSON.stringify(texts))
    for (const failure of await Promise.all([huge, inSameBatch])) expect(failure).toBeInstanceOf(Error)
    expect(flags(folder)[2]).not.toBe(4)
    expect(await spine.publish(TOPIC, at(1, 3))).toBeUndefined()
    expect(flags(folder)[2]).toBe(4)
    expect(readLog(folder)[3]).toMatchObject({ value: 1, reasons: 0 })
    await spine.stop()
  })

  it('with a holding time is not sent before its verdict can be sent with it', async () => {
    const hold = (holdMs: number) => ({ quality: [{ match: '*/force', spike: { fail: 20, holdMs } }] })
    const folder = tempFolder()
    let spine = await Spine.start(folder, hold(3_600_000))
    expect(await spine.next()).toMatchObject({ kind: 'wait', ms: undefined })
    await publishAll(spine, [1, 1, 50])
    const first = await spine.next()
    expect(first.kind).toBe('wait')
    await publishAll(spine, [1], 3)
    const second = await spine.next()
    if (first.kind !== 'wait' || second.kind !== 'wait') throw new Error('it was sent')
    expect(second.ms).toBeLessThan(3_600_000)
    expect(second.ms).toBeLessThanOrEqual(first.ms!)
    await spine.stop()
    spine = await Spine.start(folder, hold(1))
    const batch = open(await spine.next())
    expect(batch.series[0]!.quality[2]).toBe(4)
    await spine.stop()
  })
})
