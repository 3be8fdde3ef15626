import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { QueryAnswer, Question } from '../../src/query/protocol.ts'
import { QueryClient, type QueryLimits } from '../../src/query/query-client.ts'
import { tempFolder } from '../../support/folder.ts'
import { onStop } from '../../support/started.ts'
import { Grown } from '../store/history/grown.ts'
import { tamper } from '../store/stores.ts'

const DEVICES: Question = { kind: 'devices', next: undefined }
const NO_MORE = { unit: undefined, everyMs: undefined, next: undefined }
const HEAT: Question = { kind: 'history', device: 'press', metric: 'heat', from: 0, to: 9, limit: 9, ...NO_MORE }

function plant(): Grown {
  const grown = new Grown()
  grown.append([{ name: 0, ts: 1, value: 1, quality: 1, reasons: 0 }])
  return grown
}

/** Stops the timers of this thread: they run only when the test advances them. */
function stopTimers(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
}

/** The threads that are started after this call. */
function watchThreads(): Worker[] {
  const threads: Worker[] = []
  const add = (thread: Worker): void => void threads.push(thread)
  process.on('worker', add)
  onTestFinished(() => void process.off('worker', add))
  return threads
}

function client(folder: string, limits: Partial<QueryLimits> = {}): QueryClient {
  const one = new QueryClient(folder, limits)
  onStop(() => one.stop())
  return one
}

function read(answer: QueryAnswer): unknown {
  return answer.kind === 'answer' ? JSON.parse(new TextDecoder().decode(answer.json)) : answer.kind
}

describe('the query thread', () => {
  it('answers questions in the order in which they are asked', async () => {
    const grown = plant()
    const questions = client(grown.folder)
    const answered: unknown[] = []
    const ask = async (question: Question): Promise<void> => void answered.push(read(await questions.ask(question)))
    const missing = { ...HEAT, metric: 'x' }
    await Promise.all([ask(HEAT), ask(DEVICES), ask(missing)])
    expect(answered).toMatchObject([
      { metric: 'heat', readings: [{ value: 1 }] },
      { devices: [{ device: 'press' }] },
      'unknown',
    ])
    grown.close()
  })

  it('finds readings that are written after it has started', async () => {
    const grown = plant()
    const questions = client(grown.folder)
    const ask = async (): Promise<unknown> => read(await questions.ask(DEVICES))
    expect(await ask()).toMatchObject({ devices: [{ device: 'press', readings: 1 }] })
    grown.append([{ name: 0, ts: 2, value: 2, quality: 1, reasons: 0 }])
    expect(await ask()).toMatchObject({ devices: [{ device: 'press', readings: 2 }] })
    grown.close()
  })

  it('refuses a question beyond the limit, and makes room by withdrawing a waiting one on its signal', async () => {
    const grown = plant()
    const questions = client(grown.folder, { waitingMax: 3 })
    const gone = new AbortController()
    const first = questions.ask(DEVICES)
    const second = questions.ask(DEVICES, gone.signal)
    const third = questions.ask(DEVICES)
    expect(await questions.ask(DEVICES)).toMatchObject({ kind: 'busy' })
    gone.abort()
    expect(await second).toMatchObject({ kind: 'failed' })
    const fourth = questions.ask(DEVICES)
    expect((await Promise.all([first, third, fourth])).map(({ kind }) => kind)).toEqual(['answer', 'answer', 'answer'])
    grown.close()
  })

  it('ends an answer that exceeds its time limit, and answers the next question with a new thread', async () => {
    const grown = plant()
    const threads = watchThreads()
    const questions = client(grown.folder, { answerMsMax: 5_000 })
    stopTimers()
    const asked = [questions.ask(DEVICES), questions.ask(DEVICES)]
    vi.advanceTimersByTime(5_000)
    expect((await Promise.all(asked)).map(({ kind }) => kind)).toEqual(['late', 'answer'])
    expect(threads).toHaveLength(2)
    grown.close()
  })

  it('does not end an answer within its time limit', async () => {
    const grown = plant()
    const questions = client(grown.folder, { answerMsMax: 5_000 })
    stopTimers()
    const asked = questions.ask(DEVICES)
    vi.advanceTimersByTime(4_999)
    expect(await asked).toMatchObject({ kind: 'answer' })
    grown.close()
  })

  it('fails one answer when it runs out of memory, and answers the next', async () => {
    const grown = plant()
    const long = Array.from({ length: 100 }, (_, i) => ({ name: 2, ts: i, value: 'é'.repeat(100_000) }))
    grown.append(long.map((one) => ({ ...one, quality: 1 as const, reasons: 0 })))
    const narrow = client(grown.folder, { heapMbMax: 16 })
    const large = { ...HEAT, metric: 'force', to: 1e6, limit: 10_000 }
    expect(await Promise.all([narrow.ask(large), narrow.ask(DEVICES)])).toMatchObject([
      { kind: 'failed', message: expect.stringContaining('memory') },
      { kind: 'answer' },
    ])
    grown.close()
  })

  it('reports the reason when it cannot answer', async () => {
    const nothing = client(tempFolder())
    expect(await nothing.ask(DEVICES)).toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('no database'),
    })
    const grown = plant()
    grown.seal()
    tamper(grown.folder, `UPDATE blocks SET bytes = x'00'`)
    const questions = client(grown.folder)
    expect(await questions.ask(HEAT)).toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('cannot be read'),
    })
    expect(await questions.ask({ ...HEAT, metric: 'x' })).toMatchObject({ kind: 'unknown' })
    expect(read(await questions.ask(DEVICES))).toMatchObject({ devices: [{ readings: 1 }] })
    grown.close()
  })

  it('ends after its idle time without a question, and not before; the next question starts it again', async () => {
    const grown = plant()
    const threads = watchThreads()
    const questions = client(grown.folder, { idleMs: 1_000 })
    const ask = async (): Promise<unknown> => (await questions.ask(DEVICES)).kind
    stopTimers()
    expect(await ask()).toBe('answer')
    vi.advanceTimersByTime(999)
    expect([await ask(), threads.length]).toEqual(['answer', 1])
    const ended = once(threads[0]!, 'exit')
    vi.advanceTimersByTime(1_000)
    await ended
    expect([await ask(), threads.length]).toEqual(['answer', 2])
    grown.close()
  })

  it('answers every waiting question with `failed` when it is stopped, and every later one', async () => {
    const grown = plant()
    const questions = client(grown.folder)
    const asked = [questions.ask(DEVICES), questions.ask(DEVICES)]
    await questions.stop()
    expect((await Promise.all(asked)).map(({ kind }) => kind)).toEqual(['failed', 'failed'])
    expect(await questions.ask(DEVICES)).toMatchObject({ kind: 'failed' })
    grown.close()
  })
})
