import { describe, expect, it } from 'vitest'
import type { Answer, Question } from '../../src/query/protocol.ts'
import { QueryClient, type QueryLimits } from '../../src/query/query-client.ts'
import { tempFolder } from '../../support/folder.ts'
import { onStop } from '../../support/started.ts'
import { Grown } from '../store/history/grown.ts'
import { tamper } from '../store/stores.ts'

const DEVICES: Question = { kind: 'devices', next: undefined }

function plant(): Grown {
  const grown = new Grown()
  grown.append([{ name: 0, ts: 1, value: 1, quality: 1, reasons: 0 }])
  return grown
}

function client(folder: string, limits: Partial<QueryLimits> = {}): QueryClient {
  const one = new QueryClient(folder, limits)
  onStop(() => one.stop())
  return one
}

function read(answer: Answer): unknown {
  return answer.kind === 'answer' ? JSON.parse(new TextDecoder().decode(answer.json)) : answer.kind
}

describe('the query thread', () => {
  it('answers what it is asked, in order, and what is written meanwhile', async () => {
    const grown = plant()
    const questions = client(grown.folder)
    const ask = async (): Promise<unknown> => read(await questions.ask(DEVICES))
    expect(await Promise.all([ask(), ask()])).toMatchObject([
      { devices: [{ readings: 1 }] },
      { devices: [{ readings: 1 }] },
    ])
    grown.append([{ name: 0, ts: 2, value: 2, quality: 1, reasons: 0 }])
    expect(await ask()).toMatchObject({ devices: [{ device: 'press', readings: 2 }] })
    grown.close()
  })

  it('refuses one question more than may wait, and takes back those that nobody waits for', async () => {
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

  it('gives up what takes too long', async () => {
    const grown = plant()
    const hasty = client(grown.folder, { answerMsMax: 1 })
    const late = [hasty.ask(DEVICES), hasty.ask(DEVICES)]
    expect((await Promise.all(late)).map(({ kind }) => kind)).toEqual(['late', 'late'])
    grown.close()
  })

  it('that is lost for want of memory fails one answer, and is there for the next', async () => {
    const grown = plant()
    const long = Array.from({ length: 100 }, (_, i) => ({ name: 2, ts: i, value: 'é'.repeat(100_000) }))
    grown.append(long.map((one) => ({ ...one, quality: 1 as const, reasons: 0 })))
    const narrow = client(grown.folder, { heapMbMax: 16 })
    const large = { kind: 'history', device: 'press', metric: 'force', from: 0, to: 1e6, limit: 10_000 } as const
    const rest = { unit: undefined, everyMs: undefined, next: undefined }
    const answers = await Promise.all([narrow.ask({ ...large, ...rest }), narrow.ask(DEVICES)])
    expect(answers.map(({ kind }) => kind)).toEqual(['failed', 'answer'])
    grown.close()
  })

  it('says why it cannot answer', async () => {
    const nothing = client(tempFolder())
    expect(await nothing.ask(DEVICES)).toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('no database'),
    })
    const grown = plant()
    grown.seal()
    tamper(grown.folder, `UPDATE blocks SET bytes = x'00'`)
    const history = { kind: 'history', device: 'press', metric: 'heat', from: 0, to: 9, limit: 9 } as const
    const rest = { unit: undefined, everyMs: undefined, next: undefined }
    const questions = client(grown.folder)
    expect(await questions.ask({ ...history, ...rest })).toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('cannot be read'),
    })
    expect(await questions.ask({ ...history, ...rest, metric: 'x' })).toMatchObject({ kind: 'unknown' })
    expect(read(await questions.ask(DEVICES))).toMatchObject({ devices: [{ readings: 1 }] })
    grown.close()
  })

  it('ends without a question for a while, and begins anew with the next', async () => {
    const grown = plant()
    const questions = client(grown.folder, { idleMs: 1 })
    for (let i = 0; i < 2; i++) {
      expect(await questions.ask(DEVICES)).toMatchObject({ kind: 'answer' })
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    grown.close()
  })

  it('answers everything when it is stopped, and nothing after', async () => {
    const grown = plant()
    const questions = client(grown.folder)
    const asked = [questions.ask(DEVICES), questions.ask(DEVICES)]
    await questions.stop()
    expect((await Promise.all(asked)).map(({ kind }) => kind)).toEqual(['failed', 'failed'])
    expect(await questions.ask(DEVICES)).toMatchObject({ kind: 'failed' })
    grown.close()
  })
})
