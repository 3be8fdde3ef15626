import { expect, it, onTestFinished, vi } from 'vitest'
import { PROBE_BYTES } from '../../src/uplink/answers/probes.ts'
import type { Mosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { startProxy, type TcpProxy } from '../../support/proxy.ts'
import { until } from '../../support/wait.ts'
import { startUplink } from './scene.ts'
import { ScriptedOutbox } from './scripted-outbox.ts'

describePeer('mosquitto', 'readings that were sent are marked as confirmed', () => {
  it('when their receipt has arrived, and not when the broker has accepted them', async () => {
    const { receiver, outbox, uplink, store } = await startUplink()
    store(10)
    await receiver.untilArrived(1)
    await receiver.fence()
    expect(outbox.confirmations).toEqual([])
    expect(uplink.stats()).toMatchObject({ inFlight: 1, sentReadings: 10, confirmedReadings: 0 })
    expect(uplink.stats().lastConfirmedMs).toBeUndefined()
    await receiver.answer(0)
    await until(() => uplink.stats().confirmedReadings === 10)
    expect([...outbox.confirmed]).toEqual([{ first: 1, last: 10 }])
    expect(uplink.stats()).toMatchObject({ inFlight: 0, failures: 0 })
  })

  it('but not by a receipt for the same positions of another epoch, which does not count as an answer either', async () => {
    const { receiver, outbox, uplink, store } = await startUplink({ window: 1 })
    store(20)
    await receiver.untilArrived(1)
    await receiver.answer(0, { epoch: 'epoch-0' })
    await until(() => outbox.confirmations.length === 1)
    await receiver.fence()
    expect(uplink.stats()).toMatchObject({ inFlight: 1, confirmedReadings: 0 })
    expect(receiver.arrived).toHaveLength(1)
    await receiver.answer(0)
    await receiver.untilArrived(2)
  })

  it.each([{ epoch: 'epoch-0' }, { run: 'run-0' }])(
    'but not by a receipt for a message of a former %o, whether for readings or for amendments',
    async (former) => {
      const { receiver, outbox, uplink, store } = await startUplink({ window: 1 })
      outbox.lastAmendment = 3
      store(10)
      for (const index of [0, 1]) {
        await receiver.untilArrived(index + 1)
        await receiver.answer(index, former)
        await receiver.fence()
        expect(uplink.stats()).toMatchObject({ inFlight: 1, failures: 0 })
        expect([outbox.confirmed.count, outbox.confirmedAmendment]).toEqual([index * 10, 0])
        await receiver.answer(index)
      }
      await until(() => outbox.confirmedAmendment === 3)
    },
  )

  it('by the broker itself when there is no receiver (confirm: puback)', async () => {
    const { outbox, uplink, store } = await startUplink({ confirm: 'puback' })
    store(30)
    await until(() => uplink.stats().confirmedReadings === 30)
    expect([...outbox.confirmed]).toEqual([{ first: 1, last: 30 }])
  })

  it('and amendments only by a receipt of their own', async () => {
    const { receiver, outbox, uplink } = await startUplink()
    outbox.lastAmendment = 3
    uplink.notify()
    await receiver.untilArrived(1)
    expect(receiver.arrived[0]).toMatchObject({ kind: 'amendments', range: { first: 1, last: 3 } })
    await receiver.answer(0, { kind: 'stored' })
    await until(() => outbox.confirmations.length === 1)
    expect(outbox.confirmedAmendment).toBe(0)
    expect(uplink.stats().inFlight).toBe(1)
    await receiver.answer(0)
    await until(() => outbox.confirmedAmendment === 3)
    await until(() => uplink.stats().inFlight === 0)
  })
})

describePeer('mosquitto', 'the window', () => {
  it('begins with one message, grows with the answers, and is never exceeded', async () => {
    const { receiver, outbox, store, uplink } = await startUplink({ window: 4 })
    store(1_000)
    await receiver.untilArrived(1)
    await receiver.fence()
    expect(receiver.arrived).toHaveLength(1)
    let most = 0
    for (let index = 0; index < 100; index++) {
      await receiver.untilArrived(index + 1)
      most = Math.max(most, uplink.stats().inFlight)
      await receiver.answer(index)
    }
    await until(() => outbox.confirmed.count === 1_000)
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(4)
  })

  it('is limited by the number of unacknowledged messages that the broker allows', async () => {
    const { receiver, store, uplink } = await startUplink({ window: 50 }, { config: 'max_inflight_messages 3' })
    store(300)
    for (let index = 0; index < 20; index++) {
      await receiver.untilArrived(index + 1)
      await receiver.answer(index)
      await receiver.fence()
      expect(uplink.stats().inFlight).toBeLessThanOrEqual(3)
    }
    expect(uplink.stats().failures).toBe(0)
  })
})

describePeer('mosquitto', 'a backlog', () => {
  /** A backlog of 100 batches: one is answered, and one of the others in flight. */
  async function startDrain(settings: Parameters<typeof startUplink>[0] = {}) {
    const outbox = new ScriptedOutbox()
    outbox.lane = 'backfill'
    outbox.lastSeq = 1_000
    const scene = await startUplink({ window: 2, ...settings }, { outbox })
    await scene.receiver.untilArrived(1)
    await scene.receiver.answer(0)
    await scene.receiver.untilArrived(2)
    return scene
  }

  it('is packed at most four batches ahead while an answer is awaited', async () => {
    const { receiver, outbox, uplink } = await startDrain()
    await until(() => outbox.taken === 50)
    await receiver.fence()
    expect(outbox.taken).toBe(50)
    expect(uplink.stats().inFlight).toBe(1)
    expect(receiver.arrived).toHaveLength(2)
  })

  it('is not packed ahead before the receiver has answered', async () => {
    const outbox = new ScriptedOutbox()
    outbox.lane = 'backfill'
    outbox.lastSeq = 1_000
    const { receiver } = await startUplink({ window: 4 }, { outbox })
    await receiver.untilArrived(1)
    await receiver.fence()
    expect(outbox.taken).toBe(10)
  })

  it('is sent in order, each reading once, whatever was packed ahead', async () => {
    const { receiver, outbox } = await startDrain()
    for (let index = 1; index < 100; index++) {
      await receiver.untilArrived(index + 1)
      await receiver.answer(index)
    }
    await until(() => outbox.confirmed.count === 1_000)
    await receiver.fence()
    expect(receiver.arrived.map(({ range }) => range.first)).toEqual(Array.from({ length: 100 }, (_, i) => 10 * i + 1))
  })

  it('lets new readings go before the batches that were packed ahead', async () => {
    const { receiver, outbox } = await startDrain()
    await until(() => outbox.taken === 50)
    outbox.fresh = 3
    await receiver.answer(1)
    await receiver.untilArrived(4)
    expect(receiver.arrived[2]!.range.first).toBeGreaterThan(outbox.lastSeq)
    expect(receiver.arrived[3]!.range.first).toBe(21)
  })

  it('is sent again when answers stop, including the batches that were packed ahead', async () => {
    const { receiver, outbox } = await startDrain({ confirmTimeoutMs: 300 })
    await until(() => outbox.releases >= 2, { what: 'everything is offered again' })
    let answered = receiver.arrived.length
    const all = async (): Promise<boolean> => {
      while (answered < receiver.arrived.length) await receiver.answer(answered++)
      return outbox.confirmed.count === 1_000
    }
    await until(all, { what: 'all is confirmed' })
  })

  it('is not packed ahead when bytes are budgeted: the allowed size is known only at sending', async () => {
    const { receiver, outbox } = await startDrain({
      budget: { bytesPerSecond: 20_000, windows: [], whenSpent: 'live-only' },
    })
    await receiver.fence()
    await until(() => outbox.asked >= 2)
    await receiver.fence()
    expect(outbox.taken).toBe(10)
  })
})

describePeer('mosquitto', 'a message', () => {
  it.each([
    { allowed: 'the broker', config: 'max_packet_size 2000', batchBytesMax: 131_072, least: 1_900, most: 2_000 },
    { allowed: 'the settings', config: '', batchBytesMax: 1_500, least: 1_500, most: 1_500 },
  ])(
    'may be as large as $allowed, and no larger, once the receiver has answered a small one',
    async ({ config, batchBytesMax, least, most }) => {
      const { receiver, outbox, uplink, store } = await startUplink({ batchBytesMax }, { config })
      outbox.padded = true
      outbox.lastAmendment = 1
      store(20)
      for (const index of [0, 1, 2]) {
        await receiver.untilArrived(index + 1)
        await receiver.answer(index)
      }
      await until(() => outbox.confirmedAmendment === 1)
      expect(receiver.arrived.map(({ kind }) => kind)).toEqual(['batch', 'batch', 'amendments'])
      const [first, ...others] = receiver.arrived
      expect(first!.bytes).toBe(PROBE_BYTES)
      for (const { bytes } of others) expect(bytes >= least && bytes <= most).toBe(true)
      expect(uplink.stats().failures).toBe(0)
    },
  )
})

describePeer('mosquitto', 'a missing or negative answer', () => {
  it('keeps the connection while the broker answers; what was in flight is sent again', async () => {
    const { receiver, outbox, uplink, store } = await startUplink({ confirmTimeoutMs: 200 })
    store(10)
    await receiver.untilArrived(2)
    expect(receiver.arrived[1]!.range).toEqual({ first: 1, last: 10 })
    expect(outbox.releases).toBe(2)
    expect(uplink.stats()).toMatchObject({ connected: true, failures: 0, silence: expect.any(String) })
    await receiver.answer(1)
    await until(() => uplink.stats().confirmedReadings === 10)
    expect(uplink.stats()).toMatchObject({ failures: 0, lastFailure: undefined, silence: undefined })
  })

  it('ends the connection when the broker does not answer either', async () => {
    let proxy!: TcpProxy
    const via = async ({ port }: Mosquitto): Promise<string> => {
      proxy = await startProxy({ to: port })
      return proxy.url
    }
    const { receiver, uplink, store } = await startUplink({ confirmTimeoutMs: 200 }, { via })
    proxy.dial.freeze = true
    store(10)
    await until(() => uplink.stats().failures === 1, { what: 'the connection is given up' })
    proxy.dial.freeze = false
    await receiver.untilArrived(1)
  })

  it('delays each retry longer than the one before: a new connection does not count as an answer', async () => {
    const { receiver, outbox, uplink, store } = await startUplink({ backoffMinMs: 50, backoffMaxMs: 10_000 })
    outbox.refusal = 'hopeless'
    const timers = vi.spyOn(globalThis, 'setTimeout')
    onTestFinished(() => timers.mockRestore())
    const delays = [49, 99, 199, 399]
    store(10)
    for (let index = 0; index < 4; index++) {
      await receiver.untilArrived(index + 1)
      const delayed = timers.mock.calls.map(([, ms]) => ms ?? 0).filter((ms) => delays.includes(ms))
      expect(delayed).toEqual(delays.slice(0, index))
      await receiver.answer(index, { kind: 'rejected', ranges: [], reason: 'the test says no' })
    }
    await until(() => uplink.stats().refused === 4)
    expect(uplink.stats().confirmedReadings).toBe(0)
  })

  it('that reports a fork makes the edge send everything again at once under a new epoch', async () => {
    const { receiver, outbox, store } = await startUplink({ backoffMinMs: 60_000, backoffMaxMs: 60_000 })
    store(10)
    await receiver.untilArrived(1)
    await receiver.answer(0, { kind: 'forked', high: 99 })
    await receiver.untilArrived(2)
    expect(outbox.confirmations[0]).toMatchObject({ forked: true, high: 99 })
    expect(outbox.confirmed.count).toBe(0)
    expect(receiver.arrived[1]).toMatchObject({ epoch: outbox.epoch, range: { first: 1, last: 10 } })
    expect(outbox.epoch).not.toBe('epoch-1')
  })
})
