import { describe, expect, it } from 'vitest'
import { pause } from '../../../src/base/clock.ts'
import { tempFolder } from '../../../support/folder.ts'
import { type RunningProcess, startScript } from '../../../support/process.ts'
import { sized } from '../../../support/size.ts'
import { connect, imbalances } from '../../store/stores.ts'
import { readLog } from '../spine.ts'

/** Every fifth round kills the process while it starts, the others kill it at work. */
const ROUNDS = sized(5, 20)
const VALUES_PER_ROUND = 1_000_000

/** The values that a process printed, by the letter before them. The last line may be incomplete. */
function printedBy(process: RunningProcess): Record<'s' | 'a' | 'r', number[]> {
  const lines = process.stdout.split('\n').slice(0, -1)
  const of = (letter: string): number[] =>
    lines.filter((line) => line.startsWith(letter)).map((line) => Number(line.slice(2)))
  return { s: of('s'), a: of('a'), r: of('r') }
}

function identifiersOn(folder: string): Set<number> {
  const database = connect(folder)
  const ids = database.prepare('SELECT message_id FROM incoming').pluck().all() as number[]
  database.close()
  return new Set(ids)
}

describe('kill -9 at any moment', () => {
  it('loses no settled publish, stores none twice, and leaves the ledger balanced', async () => {
    const folder = tempFolder()
    const settled = new Set<number>()
    const mustHold = new Set<number>()
    for (let round = 0; round < ROUNDS; round++) {
      const child = startScript('test/store-thread/doomed-ingest.ts', [folder, `${round * VALUES_PER_ROUND}`])
      if (round % 5 === 4) await pause(Math.random() * 800)
      else {
        await child.waitFor(/^s \d+$/m, 20_000)
        await pause(Math.random() * 60)
      }
      child.kill('SIGKILL')
      expect([await child.exit, child.stderr]).toEqual([137, ''])
      const { s, a, r } = printedBy(child)
      for (const value of s) settled.add(value)
      const asked = new Set(a)
      for (const value of s) if (!asked.has(value)) mustHold.add(value)
      expect(imbalances(folder)).toEqual([])
      const held = identifiersOn(folder)
      expect([...mustHold].filter((value) => !held.has(value))).toEqual([])
      expect(r.filter((value) => held.has(value))).toEqual([])
    }
    const stored = readLog(folder)
    const values = new Set(stored.map(({ value }) => value))
    expect(values.size).toBe(stored.length)
    expect(settled.size).toBeGreaterThan(ROUNDS)
    expect([...settled].filter((value) => !values.has(value))).toEqual([])
    expect(stored.map(({ seq }) => seq)).toEqual(stored.map((_, i) => i + 1))
    expect(stored.filter(({ device, value }) => device !== `press-${Number(value) % 5}`)).toEqual([])
  }, 180_000)
})
