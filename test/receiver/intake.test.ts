import { expect, it } from 'vitest'
import { silentLog } from '../../src/base/log.ts'
import { ReceiverIntake } from '../../src/receiver/intake.ts'
import { SqliteSink } from '../../src/receiver/sqlite/sqlite-sink.ts'
import { tempFolder } from '../../support/folder.ts'
import { onStop } from '../../support/started.ts'
import { encoded, readings } from './batches.ts'

const LARGE = 45_000

function open(): { take: (edge: string, first: number, last: number) => Promise<void>; answered: string[] } {
  const sink = SqliteSink.open(tempFolder())
  onStop(() => sink.close())
  const limits = { prefix: 'tidegate', batchBytesMax: 1_048_576, batchReadingsMax: 100_000 }
  const intake = new ReceiverIntake({ ...limits, sink, clock: { now: () => 0 }, log: silentLog })
  const answered: string[] = []
  const take = (edge: string, first: number, last: number): Promise<void> => {
    const payload = encoded(readings(first, last), { edge })
    return intake.take({ topic: `tidegate/${edge}/up/live`, payload }, async (to, { kind, high }) => {
      answered.push(`${to} ${kind} ${high}`)
    })
  }
  return { take, answered }
}

it('small batches of an edge do not wait until the large ones of another edge are stored', async () => {
  const { take, answered } = open()
  const large = [0, 1, 2].map((k) => take('large', 1 + k * LARGE, (k + 1) * LARGE))
  const small = [1, 2, 3].map((k) => take('small', k, k))
  await Promise.all([...large, ...small])
  const smalls = [1, 2, 3].map((high) => `small stored ${high}`)
  const larges = [1, 2, 3].map((k) => `large stored ${k * LARGE}`)
  expect(answered).toEqual([larges[0], ...smalls, larges[1], larges[2]])
})
