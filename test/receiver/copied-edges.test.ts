import { expect, it } from 'vitest'
import { silentLog } from '../../src/base/log.ts'
import { CopiedEdges } from '../../src/receiver/copied-edges.ts'

it('names an edge whose messages come from two runs in turn, and forgets it after ten minutes', () => {
  const copies = new CopiedEdges(silentLog)
  for (let i = 0; i < 20; i++) copies.note({ edge: 'twin', run: i % 2 === 0 ? 'a' : 'b' }, i * 1_000)
  expect(copies.names(20_000)).toEqual(['twin'])
  expect(copies.names(700_000)).toEqual([])
})

it('names no edge that restarts, however often, even if some of its messages come late', () => {
  const copies = new CopiedEdges(silentLog)
  for (let i = 0; i < 100; i++) copies.note({ edge: 'restarting', run: `${i}` }, i * 1_000)
  for (const run of ['x', 'y', 'x', 'y', 'y', 'y']) copies.note({ edge: 'late', run }, 0)
  copies.note({ edge: undefined, run: 'x' }, 0)
  expect(copies.names(100_000)).toEqual([])
})
