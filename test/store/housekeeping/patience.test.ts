import { expect, it } from 'vitest'
import { tempFolder } from '../../../support/folder.ts'
import { contents, runHousekeeping } from '../sealed.ts'
import { append, openStore } from '../stores.ts'

const NOW = 1_750_000_000_000

it('housekeeping reports when it only tidies up: merging can wait, unless there is something to seal meanwhile', () => {
  const store = openStore(tempFolder(), { sealRows: 64, uplinks: [] })
  const fill = (rows: number): void => {
    store.write(() => {
      for (let i = 0; i < rows; i++) append(store, { ts: NOW, device: i % 2 === 0 ? 'a' : 'b' })
    })
  }
  const { housekeeping } = store.upkeep
  expect(housekeeping.isPatient).toBe(false)
  const patience: boolean[] = []
  for (let i = 0; i < 40; i++) {
    fill(64)
    // Nothing is merged yet: merging waits until the store is not busy.
    while (store.runHousekeeping({ now: NOW, busy: true })) patience.push(housekeeping.isPatient)
  }
  expect(new Set(patience)).toEqual(new Set([false]))
  const isMerging = (): boolean => housekeeping.isPatient
  for (let slices = 0; slices < 1_000 && !isMerging(); slices++) store.runHousekeeping({ now: NOW, busy: false })
  expect(isMerging()).toBe(true)
  fill(64)
  store.runHousekeeping({ now: NOW, busy: false })
  expect(housekeeping.isPatient).toBe(false)
  runHousekeeping(store, NOW)
  expect(housekeeping.isPatient).toBe(false)
  expect(contents(store)).toHaveLength(41 * 64)
  store.close()
})
