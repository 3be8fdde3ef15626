import { describe, expect, it } from 'vitest'
import type { Ask, Outgoing } from '../../src/uplink/outbox.ts'
import { WakeableWait } from '../../src/uplink/wakeable-wait.ts'
import { describePeer } from '../../support/peers.ts'
import { until } from '../../support/wait.ts'
import { startUplink } from './scene.ts'
import { ScriptedOutbox } from './scripted-outbox.ts'

describe('a wakeableWait', () => {
  it('is woken also by what happened before it lay down, but after it looked', async () => {
    const wakeableWait = new WakeableWait()
    const { mark } = wakeableWait
    wakeableWait.wake()
    await wakeableWait.sleep(Infinity, mark)
    let awake = false
    const sleep = wakeableWait.sleep(Infinity, wakeableWait.mark).then(() => {
      awake = true
    })
    await Promise.resolve()
    expect(awake).toBe(false)
    wakeableWait.nudge()
    await sleep
  })
})

/** Everything is backlog; between two confirmations the second look for new readings ends after the next of them only. */
class BacklogOnly extends ScriptedOutbox {
  #held: (() => void) | undefined
  #looks = { at: 0, count: 0 }

  override async next(ask: Ask): Promise<Outgoing> {
    if (ask.backfill > 0) return await super.next(ask)
    const at = this.confirmations.length
    this.#looks = { at, count: this.#looks.at === at ? this.#looks.count + 1 : 1 }
    if (this.#looks.count === 2) {
      await new Promise<void>((resolve) => {
        this.#held = resolve
      })
    }
    return await super.next(ask)
  }

  override async confirm(confirmation: Parameters<ScriptedOutbox['confirm']>[0]) {
    const confirmed = await super.confirm(confirmation)
    setImmediate(() => setImmediate(() => this.#held?.()))
    return confirmed
  }
}

describePeer('mosquitto', 'a confirmation that comes while the store is asked for more', () => {
  it('is not missed: the backlog goes on', async () => {
    const outbox = new BacklogOnly()
    outbox.lane = 'backfill'
    const { farSide, store } = await startUplink({}, { outbox })
    store(1_000)
    for (let index = 0; index < 100; index++) {
      await farSide.untilArrived(index + 1)
      await farSide.answer(index)
    }
    await until(() => outbox.confirmed.count === 1_000)
  })
})
