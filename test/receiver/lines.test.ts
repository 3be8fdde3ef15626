import fc from 'fast-check'
import { expect, it } from 'vitest'
import { silentLog } from '../../src/base/log.ts'
import { nameRun } from '../../src/codec/run-name.ts'
import { CopiedEdges } from '../../src/receiver/copied-edges.ts'

/** A store that is opened again and again; a copy begins with the same former run. */
class TestStore {
  run: string
  #opened = 0
  readonly #name: string

  constructor(name: string, former?: string) {
    this.#name = name
    this.run = this.#nextRun(former)
  }

  #nextRun(former: string | undefined): string {
    return nameRun(`${this.#name}${this.#opened++}`.padEnd(12, this.#name), former)
  }

  restart(): void {
    this.run = this.#nextRun(this.run)
  }
}

function send(edges: CopiedEdges, { run }: TestStore, now: number): boolean {
  const isRefused = edges.isInUse({ edge: 'site', run }, now)
  edges.note({ edge: 'site', run }, now, isRefused)
  return isRefused
}

it('refuses only the later of two stores, however often both restart, whether it is a copy or another store', () => {
  const steps = fc.array(fc.constantFrom('first', 'second', 'restart first', 'restart second'), { maxLength: 60 })
  fc.assert(
    fc.property(fc.boolean(), steps, (isCopy, script) => {
      const edges = new CopiedEdges(silentLog)
      const first = new TestStore('A')
      let now = 0
      send(edges, first, now)
      const second = new TestStore('B', isCopy ? first.run : undefined)
      send(edges, second, ++now)
      send(edges, first, ++now)
      const heard = new Set<TestStore>([first, second])
      for (const step of script) {
        const store = step.endsWith('first') ? first : second
        if (!step.startsWith('restart')) {
          const isRefused = send(edges, store, ++now)
          expect(isRefused && store === first).toBe(false)
          heard.add(store)
        } else if (heard.delete(store)) store.restart() // a run of which nothing was confirmed leaves no trace
      }
      for (let i = 0; i < 6; i++) {
        expect(send(edges, first, ++now)).toBe(false)
        send(edges, second, ++now)
      }
      expect(send(edges, second, ++now)).toBe(true)
    }),
  )
})

it('refuses no store that was restored, lost its data folder, or is opened again and again', () => {
  const edges = new CopiedEdges(silentLog)
  const store = new TestStore('A')
  for (let i = 0; i < 50; i++) {
    expect(send(edges, store, i)).toBe(false)
    store.restart()
  }
  const fresh = new TestStore('B')
  for (let i = 50; i < 100; i++) expect(send(edges, fresh, i)).toBe(false)
  expect(edges.names(100)).toEqual([])
})

it('refuses no edge of a version that does not know the answer', () => {
  const edges = new CopiedEdges(silentLog)
  for (let i = 0; i < 40; i++) {
    const sender = { edge: 'site', run: i % 2 === 0 ? 'a' : 'b' }
    expect(edges.isInUse(sender, i)).toBe(false)
    edges.note(sender, i)
  }
  expect(edges.names(40)).toEqual(['site'])
})

it('takes an edge that was resumed after ten seconds, and refuses it again if both send in turn', () => {
  const edges = new CopiedEdges(silentLog)
  const [first, second] = [new TestStore('A'), new TestStore('B')]
  const alternate = (from: number): boolean[] => {
    return Array.from({ length: 10 }, (_, i) => send(edges, i % 2 === 0 ? first : second, from + i))
  }
  expect(alternate(0).at(-1)).toBe(true)
  expect(send(edges, second, 9_000)).toBe(true)
  expect(send(edges, second, 15_000)).toBe(false)
  expect(send(edges, second, 16_000)).toBe(false)
  expect(alternate(20_000).at(-1)).toBe(true)
})
