import { expect, it } from 'vitest'
import type { EpochRenewals } from '../../../src/store/delivery/epoch-renewals.ts'
import { tempFolder } from '../../../support/folder.ts'
import { openStore } from '../stores.ts'

const HOUR = 3_600_000
const START = 1_700_000_000_000

/** Begins a new epoch as soon as that is allowed, for some time. @returns when each began */
function storm(renewals: EpochRenewals, untilMs: number, note: (at: number) => void): number[] {
  const begun: number[] = []
  for (let now = START; now < START + untilMs; ) {
    const heldMs = renewals.heldMs(now)
    if (heldMs > 0) now += heldMs
    else {
      note(now)
      begun.push(now - START)
    }
  }
  return begun
}

it('a receiver that always asks for a new epoch gets the first at once, and in the end four a day', () => {
  const store = openStore(tempFolder())
  const { renewals } = store.delivery
  const note = (at: number): void => store.write(() => renewals.note(at))
  const minutes = storm(renewals, 10 * 24 * HOUR, note).map((ms) => ms / 60_000)
  expect(minutes.slice(0, 5)).toEqual([0, 1, 3, 7, 15])
  expect(minutes.length).toBeLessThan(50)
  expect(renewals.heldMs(START + 10 * 24 * HOUR)).toBeGreaterThan(0)
  store.close()
})

it('the pause is kept over a restart, ends a day later, and a clock that was set back does not lengthen it', () => {
  const folder = tempFolder()
  let store = openStore(folder)
  expect(store.delivery.renewals.heldMs(START)).toBe(0)
  store.write(() => store.delivery.renewals.note(START))
  store.close()
  store = openStore(folder)
  const { renewals } = store.delivery
  expect(renewals.heldMs(START)).toBe(60_000)
  expect(renewals.heldMs(START - 24 * HOUR)).toBe(60_000)
  expect(renewals.heldMs(START + 25 * HOUR)).toBe(0)
  store.close()
})
