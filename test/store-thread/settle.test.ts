import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { openReader } from '../../src/store/reader.ts'
import { tempFolder } from '../../support/folder.ts'
import { until } from '../../support/wait.ts'
import { connect, imbalances } from '../store/stores.ts'
import { readLog, Spine, valuesOf } from './spine.ts'

let task = 0

/** Offers `count` publishes and records the task in which each is settled. */
function watchTasks(spine: Spine, count: number, tasks: number[] = []): number[] {
  for (let i = 0; i < count; i++) {
    spine.ingest.offer(
      { topic: 'telemetry/press/force', payload: Buffer.from(`${i}`), client: 'c', dup: false },
      () => {
        if (tasks.at(-1) !== task) queueMicrotask(() => task++)
        tasks.push(task)
      },
    )
  }
  return tasks
}

describe('a publish', () => {
  it('is settled only when another connection can read its reading', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder, { ingest: { batchMessagesMax: 16 } })
    const database = connect(folder)
    const find = database.prepare('SELECT count(*) FROM log WHERE value = ?').pluck()
    const found: unknown[] = []
    for (let value = 0; value < 200; value++) {
      spine.ingest.offer(
        { topic: 'telemetry/press/force', payload: Buffer.from(`${value}`), client: 'c', dup: false },
        (failure) => found.push(failure ?? find.get(value)),
      )
      if (value % 40 === 0) await new Promise(setImmediate)
    }
    await until(() => found.length === 200)
    expect(found).toEqual(Array(200).fill(1))
    database.close()
    await spine.stop()
  })

  it('is copied: its bytes may change as soon as the publish was offered', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder)
    const bytes = Buffer.from('17')
    const settled = spine.publish('telemetry/press/force', bytes)
    bytes.fill('9')
    expect(await settled).toBeUndefined()
    expect(valuesOf(folder)).toEqual([17])
    await spine.stop()
  })

  it('counts as pending until it is settled, and the uplinks are notified after that', async () => {
    const spine = await Spine.start(tempFolder())
    const settled = spine.publish('telemetry/press', '{"force":1,"heat":2}')
    expect([spine.ingest.pendingBytes, spine.stored]).toEqual(['telemetry/press'.length + 20, 0])
    await settled
    await until(() => spine.stored === 2)
    expect(spine.ingest.pendingBytes).toBe(0)
    await spine.stop()
  })

  it('waits for others when commits are delayed', async () => {
    const spine = await Spine.start(tempFolder(), { ingest: { commitDelayMs: 300 } })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const tasks = watchTasks(spine, 1)
    while (vi.getTimerCount() === 0) await new Promise(setImmediate)
    vi.advanceTimersByTime(299)
    watchTasks(spine, 1, tasks)
    vi.advanceTimersByTime(1)
    while (tasks.length < 2) await new Promise(setImmediate)
    expect(new Set(tasks).size).toBe(1)
    vi.useRealTimers()
    await spine.stop()
  })
})

describe('the batches of publishes', () => {
  const sizes = fc.array(fc.oneof(fc.nat(30), fc.constant(0), fc.integer({ min: 90, max: 400 })), {
    maxLength: 80,
    size: 'max',
  })

  it('settle in the order in which they were offered, whatever their size, and this is the order of the log', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder, { ingest: { batchMessagesMax: 7, batchBytesMax: 100 } })
    const expected: string[] = []
    const property = fc.asyncProperty(sizes, fc.integer({ min: 1, max: 40 }), async (lengths, breakAt) => {
      const order: number[] = []
      const settled = []
      for (const [i, length] of lengths.entries()) {
        const text = `"${i}:${'x'.repeat(length)}"`
        expected.push(text.slice(1, -1))
        settled.push(spine.publish('telemetry/press/note', text).then(() => order.push(i)))
        if (i % breakAt === 0) await new Promise(setImmediate)
      }
      await Promise.all(settled)
      expect(order).toEqual(lengths.map((_, i) => i))
    })
    await fc.assert(property, { numRuns: 20 })
    expect(valuesOf(folder)).toEqual(expected)
    await spine.stop()
  })

  it('of one commit settle in one task', async () => {
    const spine = await Spine.start(tempFolder())
    const tasks = watchTasks(spine, 50)
    await until(() => tasks.length === 50)
    expect(new Set(tasks).size).toBe(1)
    await spine.stop()
  })

  it('have a bound in bytes, in which topics count', async () => {
    const spine = await Spine.start(tempFolder(), { ingest: { batchBytesMax: 1_000 } })
    const counts: number[] = []
    const submit = spine.thread.submit.bind(spine.thread)
    spine.thread.submit = (batch, onReply) => {
      counts.push(batch.count)
      submit(batch, onReply)
    }
    const topics = ['a', 'b'].map((letter) => `telemetry/press/${letter.repeat(600)}`)
    expect(await Promise.all(topics.map((topic) => spine.publish(topic, '1')))).toEqual([undefined, undefined])
    expect(counts).toEqual([1, 1])
    await spine.stop()
  })

  it('carry every byte when they outgrow their buffer', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder)
    const texts = Array.from({ length: 400 }, (_, i) => `${i}:${String.fromCharCode(97 + (i % 26)).repeat(3_000)}`)
    await Promise.all(texts.map((text) => spine.publish('telemetry/press/note', `"${text}"`)))
    await spine.stop()
    expect(valuesOf(folder)).toEqual(texts)
  })

  it('carry a payload that is larger than the batch limit, alone and complete', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder, {
      ingest: { batchBytesMax: 1_000 },
      store: { rejectPayloadBytesMax: 10_000_000 },
    })
    const large = Buffer.alloc(2_000_000, 'no reading, but large. ')
    const all = ['1', large, '2', Buffer.alloc(300_000, '{'), '3'].map((one) =>
      spine.publish('telemetry/press/force', one),
    )
    expect(await Promise.all(all)).toEqual(Array(5).fill(undefined))
    expect(valuesOf(folder)).toEqual([1, 2, 3])
    const reader = openReader(folder)
    const [second, first] = reader.rejects(2)
    expect([second!.payloadBytes, Buffer.compare(large, first!.payload)]).toEqual([300_000, 0])
    reader.close()
    await spine.stop()
    expect(imbalances(folder)).toEqual([])
  })
})

/** More topics, and more clients, than there are numbers at a time. */
const MANY = 70_000

describe('the numbers of topics and clients', () => {
  it('never mix up devices or clients, also when there are more of them than numbers', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder, { store: { rejectsMax: 200_000, seriesMax: 200_000 } })
    const settled: Promise<Error | undefined>[] = []
    for (let i = 0; i < MANY; i++) {
      settled.push(spine.publish(`telemetry/d${i}/m`, `${i}`))
      settled.push(spine.publish('telemetry/bad', `!${i}`, { client: `c${i}` }))
    }
    for (let i = MANY - 1; i >= 0; i -= 7) {
      settled.push(spine.publish(`telemetry/d${i}/m`, `${i}`))
      settled.push(spine.publish('telemetry/bad', `!${i}`, { client: `c${i}` }))
    }
    expect((await Promise.all(settled)).filter((failure) => failure !== undefined)).toEqual([])
    await spine.stop()
    const stored = readLog(folder)
    expect(stored.length).toBe(MANY + MANY / 7)
    expect(stored.filter(({ device, value }) => device !== `d${value}`)).toEqual([])
    const reader = openReader(folder)
    const rejects = reader.rejects(2 * MANY)
    reader.close()
    expect(rejects.length).toBe(MANY + MANY / 7)
    expect(rejects.filter(({ client, payload }) => `!${client.slice(1)}` !== Buffer.from(payload).toString())).toEqual(
      [],
    )
  }, 120_000)
})
