import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Ask, Outgoing } from '../../src/uplink/outbox.ts'
import { WakeableWait } from '../../src/uplink/wakeable-wait.ts'
import { describePeer } from '../../support/peers.ts'
import { until } from '../../support/wait.ts'
import { startUplink } from './scene.ts'
import { ScriptedOutbox } from './scripted-outbox.ts'

/** Whether a wait has ended, once everything that can run without a timer or a wake has run. */
function watch(wait: Promise<void>): () => Promise<boolean> {
  let hasEnded = false
  void wait.then(() => {
    hasEnded = true
  })
  return async () => {
    await new Promise(setImmediate)
    return hasEnded
  }
}

describe('a wakeable wait', () => {
  it('ends at once if there was a wake after the mark was read, even before the wait began', async () => {
    const wait = new WakeableWait()
    const { mark } = wait
    wait.wake()
    expect(await watch(wait.sleep(Infinity, mark))()).toBe(true)
  })

  it('does not end because of a wake before the mark was read', async () => {
    const wait = new WakeableWait()
    wait.wake()
    expect(await watch(wait.sleep(Infinity, wait.mark))()).toBe(false)
  })

  it.each(['wake', 'nudge'] as const)('is ended by a %s while it waits', async (call) => {
    const wait = new WakeableWait()
    const [first, second] = [watch(wait.sleep(Infinity, wait.mark)), watch(wait.sleep(60_000, wait.mark))]
    expect([await first(), await second()]).toEqual([false, false])
    wait[call]()
    expect([await first(), await second()]).toEqual([true, true])
  })

  it('does not end because of a nudge before the wait began', async () => {
    const wait = new WakeableWait()
    const { mark } = wait
    wait.nudge()
    expect(await watch(wait.sleep(Infinity, mark))()).toBe(false)
  })

  it('ends by itself after its time, and not before', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const wait = new WakeableWait()
    const hasEnded = watch(wait.sleep(1_000, wait.mark))
    vi.advanceTimersByTime(999)
    expect(await hasEnded()).toBe(false)
    vi.advanceTimersByTime(1)
    expect(await hasEnded()).toBe(true)
  })
})

/** Batches that are packed ahead of the answer. */
const PACKED_AHEAD = 4

/** Everything is backlog. A call for new readings before which `holds` is true returns only after the next confirmation. */
class BacklogOnly extends ScriptedOutbox {
  holds: () => boolean = () => false
  /** Confirmations that came while a call for new readings was running. */
  confirmedMeanwhile = 0
  #release: (() => void) | undefined

  override async next(ask: Ask): Promise<Outgoing> {
    if (ask.backfill === 0 && this.holds()) {
      await new Promise<void>((resolve) => {
        this.#release = resolve
      })
    }
    return await super.next(ask)
  }

  override async confirm(confirmation: Parameters<ScriptedOutbox['confirm']>[0]) {
    const confirmed = await super.confirm(confirmation)
    const release = this.#release
    this.#release = undefined
    if (release !== undefined) {
      this.confirmedMeanwhile++
      setImmediate(() => setImmediate(release))
    }
    return confirmed
  }
}

describePeer('mosquitto', 'a confirmation that comes while the uplink asks the store for readings', () => {
  it('is noticed: the backlog continues', async () => {
    const outbox = new BacklogOnly()
    outbox.lane = 'backfill'
    const { receiver, uplink, store } = await startUplink({}, { outbox })
    // With enough packed ahead, the uplink waits for an answer as soon as the call returns.
    outbox.holds = () => {
      const { inFlight } = uplink.stats()
      return inFlight > 0 && outbox.taken >= outbox.batchReadings * (inFlight + PACKED_AHEAD)
    }
    store(1_000)
    for (let index = 0; index < 100; index++) {
      await receiver.untilArrived(index + 1)
      await receiver.answer(index)
    }
    await until(() => outbox.confirmed.count === 1_000)
    expect(outbox.confirmedMeanwhile).toBeGreaterThan(0)
  })
})
