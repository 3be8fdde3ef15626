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

it('names no edge whose messages of an earlier run arrive rarely, over hours', () => {
  const copies = new CopiedEdges(silentLog)
  for (let i = 0; i < 20; i++) copies.note({ edge: 'rare', run: i % 2 === 0 ? 'a' : 'b' }, i * 200_000)
  expect(copies.names(20 * 200_000)).toEqual([])
})

it('remembers four runs of each of 10,000 edges', () => {
  const copies = new CopiedEdges(silentLog)
  for (let i = 0; i < 30; i++) copies.note({ edge: 'five runs', run: `${i % 5}` }, i)
  for (let i = 0; i < 30; i++) copies.note({ edge: 'four runs', run: `${i % 4}` }, i)
  for (let i = 2; i < 10_000; i++) copies.note({ edge: `${i}`, run: 'a' }, i)
  for (let i = 0; i < 30; i++) copies.note({ edge: 'one too many', run: `${i % 2}` }, i)
  for (let i = 0; i < 30; i++) copies.note({ edge: '9999', run: `${i % 2}` }, i)
  expect(copies.names(100)).toEqual(['four runs', '9999'])
})
