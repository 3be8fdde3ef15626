import { describe, expect, it } from 'vitest'
import { pause } from '../../src/base/clock.ts'
import { tempFolder } from '../../support/folder.ts'
import { startScript } from '../../support/process.ts'
import { sized } from '../../support/size.ts'
import { contents, runHousekeeping } from './sealed.ts'
import { imbalances, openStore } from './stores.ts'

/** At least this many rounds, and more until seals were merged: progress per round depends on the machine. */
const ROUNDS = sized(4, 20)
const ROUNDS_MAX = 60
const WORK_MS = 500

describe('a store that is killed while it seals and merges', () => {
  it('has every committed reading once, and keeps working', async () => {
    const folder = tempFolder()
    let levels: number[] = []
    for (let round = 1; round <= ROUNDS || !(levels.includes(1) || round > ROUNDS_MAX); round++) {
      const child = startScript('test/store/doomed-store.ts', [folder])
      await child.waitFor(/^\d+$/m, 20_000)
      await pause(Math.random() * WORK_MS)
      child.kill('SIGKILL')
      expect([await child.exit, child.stderr]).toEqual([137, ''])
      const committed = Number(child.stdout.split('\n').at(-2))
      const store = openStore(folder, { sealRows: 256, uplinks: [] })
      const found = contents(store)
      expect(found.length).toBeGreaterThanOrEqual(committed)
      expect(found.map(({ seq }) => seq)).toEqual(found.map((_, i) => i + 1))
      expect(found.every(({ seq, value }) => seq === value)).toBe(true)
      if (round >= ROUNDS) {
        runHousekeeping(store)
        expect(contents(store)).toStrictEqual(found)
      }
      levels = store.sealed.seals.all.map(({ level }) => level)
      store.close()
      expect(imbalances(folder)).toEqual([])
    }
    expect(levels).toContain(1)
  }, 120_000)
})
