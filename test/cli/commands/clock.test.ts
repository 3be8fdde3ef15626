import { describe, expect, it } from 'vitest'
import { edgeSettings } from '../../../src/settings/edge.ts'
import { Store } from '../../../src/store/store.ts'
import { tempFolder } from '../../../support/folder.ts'
import { onStop } from '../../../support/started.ts'
import { runHere } from '../recorder.ts'

const HOUR_MS = 3_600_000

/** A store whose system clock can be set, and its commands. */
function storeWithClock() {
  const folder = tempFolder()
  const skew = { ms: 0 }
  const { store: settings } = edgeSettings.parse({ edge: 'site' })
  const clock = { now: () => Date.now() + skew.ms }
  const store = Store.open(folder, settings, [], { clock })
  onStop(() => store.close())
  const run = (...args: string[]) => runHere(['clock', ...args, '--data', folder])
  const orders = (): unknown[] => store.write(() => store.orders.take(() => true)) as unknown[]
  return { store, skew, run, orders }
}

describe('tidegate clock', () => {
  it('shows a step at once, and whether an operator has rejected it', async () => {
    const { store, skew, run } = storeWithClock()
    expect((await run()).stdout).not.toContain('step')
    skew.ms = HOUR_MS
    store.checkClock()
    const { stdout } = await run()
    expect(stdout).toContain('step          3600 s')
    expect(stdout).not.toContain('rejected')
    store.write(() => store.time.reject())
    store.checkClock()
    expect((await run()).stdout).toMatch(/step {10}3600 s .*, rejected by an operator/)
  })

  it('orders to reject a step once, and says that there is nothing to reject otherwise', async () => {
    const { store, skew, run, orders } = storeWithClock()
    const nothing = { code: 0, stdout: expect.stringContaining('nothing to reject') }
    expect(await run('reject')).toMatchObject(nothing)
    expect(orders()).toEqual([])
    skew.ms = HOUR_MS
    store.checkClock()
    expect(await run('reject')).toMatchObject({ code: 0, stdout: expect.stringContaining('ordered') })
    expect(orders()).toEqual([{ kind: 'clock-reject' }])
    store.write(() => expect(store.time.reject()).toBe(true))
    store.checkClock()
    expect(await run('reject')).toMatchObject(nothing)
    expect(orders()).toEqual([])
  })

  it('carries out no order to reject a step that was not made', () => {
    const { store } = storeWithClock()
    store.write(() => expect(store.time.reject()).toBe(false))
  })
})
