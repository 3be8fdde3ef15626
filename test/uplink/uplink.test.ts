import { expect, it } from 'vitest'
import { describePeer } from '../../support/peers.ts'
import { until } from '../../support/wait.ts'
import { startUplink } from './scene.ts'
import { ScriptedOutbox } from './scripted-outbox.ts'

describePeer('mosquitto', 'what is sent is marked', () => {
  it('when its receipt has come, and not when the broker has taken it', async () => {
    const { farSide, outbox, uplink, store } = await startUplink()
    store(10)
    await farSide.untilArrived(1)
    await farSide.fence()
    expect(outbox.confirmations).toEqual([])
    expect(uplink.stats()).toMatchObject({ inFlight: 1, sentReadings: 10, confirmedReadings: 0 })
    expect(uplink.stats().lastConfirmedMs).toBeUndefined()
    await farSide.answer(0)
    await until(() => uplink.stats().confirmedReadings === 10)
    expect([...outbox.confirmed]).toEqual([{ first: 1, last: 10 }])
    expect(uplink.stats()).toMatchObject({ inFlight: 0, failures: 0 })
  })

  it('by no receipt for the same positions of another epoch, which does not count as an answer either', async () => {
    const { farSide, outbox, uplink, store } = await startUplink({ window: 1 })
    store(20)
    await farSide.untilArrived(1)
    await farSide.answer(0, { epoch: 'epoch-0' })
    await until(() => outbox.confirmations.length === 1)
    await farSide.fence()
    expect(uplink.stats()).toMatchObject({ inFlight: 1, confirmedReadings: 0 })
    expect(farSide.arrived).toHaveLength(1)
    await farSide.answer(0)
    await farSide.untilArrived(2)
  })

  it.each([{ epoch: 'epoch-0' }, { run: 'run-0' }])(
    'by no receipt for what a former %o sent, be it of readings or of amendments',
    async (former) => {
      const { farSide, outbox, uplink, store } = await startUplink({ window: 1 })
      outbox.lastAmendment = 3
      store(10)
      for (const index of [0, 1]) {
        await farSide.untilArrived(index + 1)
        await farSide.answer(index, former)
        await farSide.fence()
        expect(uplink.stats()).toMatchObject({ inFlight: 1, failures: 0 })
        expect([outbox.confirmed.count, outbox.confirmedAmendment]).toEqual([index * 10, 0])
        await farSide.answer(index)
      }
      await until(() => outbox.confirmedAmendment === 3)
    },
  )

  it('by the broker itself where nobody answers (confirm: puback)', async () => {
    const { outbox, uplink, store } = await startUplink({ confirm: 'puback' })
    store(30)
    await until(() => uplink.stats().confirmedReadings === 30)
    expect([...outbox.confirmed]).toEqual([{ first: 1, last: 30 }])
  })

  it('also for amendments only by their own receipt', async () => {
    const { farSide, outbox, uplink } = await startUplink()
    outbox.lastAmendment = 3
    uplink.notify()
    await farSide.untilArrived(1)
    expect(farSide.arrived[0]).toMatchObject({ kind: 'amendments', range: { first: 1, last: 3 } })
    await farSide.answer(0, { kind: 'stored' })
    await until(() => outbox.confirmations.length === 1)
    expect(outbox.confirmedAmendment).toBe(0)
    expect(uplink.stats().inFlight).toBe(1)
    await farSide.answer(0)
    await until(() => outbox.confirmedAmendment === 3)
    await until(() => uplink.stats().inFlight === 0)
  })
})

describePeer('mosquitto', 'the window', () => {
  it('begins with one message, grows with the answers, and is never exceeded', async () => {
    const { farSide, outbox, store, uplink } = await startUplink({ window: 4 })
    store(1_000)
    await farSide.untilArrived(1)
    await farSide.fence()
    expect(farSide.arrived).toHaveLength(1)
    let most = 0
    for (let index = 0; index < 100; index++) {
      await farSide.untilArrived(index + 1)
      most = Math.max(most, uplink.stats().inFlight)
      await farSide.answer(index)
    }
    await until(() => outbox.confirmed.count === 1_000)
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(4)
  })

  it('is no larger than what the broker takes unacknowledged', async () => {
    const { farSide, store, uplink } = await startUplink({ window: 50 }, { config: 'max_inflight_messages 3' })
    store(300)
    for (let index = 0; index < 20; index++) {
      await farSide.untilArrived(index + 1)
      await farSide.answer(index)
      await farSide.fence()
      expect(uplink.stats().inFlight).toBeLessThanOrEqual(3)
    }
    expect(uplink.stats().failures).toBe(0)
  })
})

describePeer('mosquitto', 'a backlog', () => {
  /** A backlog of 100 batches, of which one is on its way. */
  async function startDrain(settings: Parameters<typeof startUplink>[0] = {}) {
    const outbox = new ScriptedOutbox()
    outbox.lane = 'backfill'
    outbox.lastSeq = 1_000
    const scene = await startUplink({ window: 4, ...settings }, { outbox })
    await scene.farSide.untilArrived(1)
    return scene
  }

  it('is packed four batches ahead while an answer is awaited, and no further', async () => {
    const { farSide, outbox, uplink } = await startDrain()
    await until(() => outbox.taken === 50)
    await farSide.fence()
    expect(outbox.taken).toBe(50)
    expect(uplink.stats().inFlight).toBe(1)
    expect(farSide.arrived).toHaveLength(1)
  })

  it('leaves in order, each reading once, whatever was packed ahead', async () => {
    const { farSide, outbox } = await startDrain()
    for (let index = 0; index < 100; index++) {
      await farSide.untilArrived(index + 1)
      await farSide.answer(index)
    }
    await until(() => outbox.confirmed.count === 1_000)
    await farSide.fence()
    expect(farSide.arrived.map(({ range }) => range.first)).toEqual(Array.from({ length: 100 }, (_, i) => 10 * i + 1))
  })

  it('lets new readings go before what was packed ahead', async () => {
    const { farSide, outbox } = await startDrain()
    await until(() => outbox.taken === 50)
    outbox.fresh = 3
    await farSide.answer(0)
    await farSide.untilArrived(3)
    expect(farSide.arrived[1]!.range.first).toBeGreaterThan(outbox.lastSeq)
    expect(farSide.arrived[2]!.range.first).toBe(11)
  })

  it('goes out anew over the next connection, what was packed ahead included', async () => {
    const { farSide, outbox } = await startDrain({ confirmTimeoutMs: 300 })
    await until(() => outbox.releases >= 2, { what: 'a connection is given up, and a new one begins' })
    let answered = farSide.arrived.length
    const all = async (): Promise<boolean> => {
      while (answered < farSide.arrived.length) await farSide.answer(answered++)
      return outbox.confirmed.count === 1_000
    }
    await until(all, { what: 'all is confirmed' })
  })

  it('is not packed ahead where bytes are counted: what may leave is known only when it may', async () => {
    const { farSide, outbox } = await startDrain({
      budget: { bytesPerSecond: 20_000, windows: [], whenSpent: 'live-only' },
    })
    await farSide.fence()
    await until(() => outbox.asked >= 2)
    await farSide.fence()
    expect(outbox.taken).toBe(10)
  })
})

describePeer('mosquitto', 'a message', () => {
  it.each([
    { allowed: 'the broker', config: 'max_packet_size 2000', batchBytesMax: 131_072, least: 1_900, most: 2_000 },
    { allowed: 'the settings', config: '', batchBytesMax: 1_500, least: 1_500, most: 1_500 },
  ])('may be as large as $allowed, and no larger', async ({ config, batchBytesMax, least, most }) => {
    const { farSide, outbox, uplink, store } = await startUplink({ batchBytesMax }, { config })
    outbox.padded = true
    outbox.lastAmendment = 1
    store(10)
    await farSide.untilArrived(1)
    await farSide.answer(0)
    await farSide.untilArrived(2)
    await farSide.answer(1)
    await until(() => outbox.confirmedAmendment === 1)
    expect(farSide.arrived.map(({ kind }) => kind)).toEqual(['batch', 'amendments'])
    for (const { bytes } of farSide.arrived) expect(bytes >= least && bytes <= most).toBe(true)
    expect(uplink.stats().failures).toBe(0)
  })
})

describePeer('mosquitto', 'an answer that stays away, or says no', () => {
  it('ends the connection after the confirm timeout; what was on its way is sent again over a new one', async () => {
    const { farSide, outbox, uplink, store } = await startUplink({ confirmTimeoutMs: 200 })
    store(10)
    await farSide.untilArrived(2)
    expect(farSide.arrived[1]!.range).toEqual({ first: 1, last: 10 })
    expect(outbox.releases).toBeGreaterThanOrEqual(1)
    expect(uplink.stats()).toMatchObject({ failures: expect.any(Number), lastFailure: expect.any(String) })
    await farSide.answer(1)
    await until(() => uplink.stats().confirmedReadings === 10)
    expect(uplink.stats()).toMatchObject({ failures: 0, lastFailure: undefined })
  })

  it('is asked again after pauses that grow, since a connection that was made is no answer', async () => {
    const { farSide, outbox, uplink, store } = await startUplink({ backoffMinMs: 50, backoffMaxMs: 10_000 })
    outbox.refusal = 'hopeless'
    store(10)
    for (let index = 0; index < 4; index++) {
      await farSide.untilArrived(index + 1)
      await farSide.answer(index, { kind: 'rejected', ranges: [], reason: 'the test says no' })
    }
    await until(() => uplink.stats().refused === 4)
    const gaps = farSide.arrived.slice(1).map(({ at }, i) => at - farSide.arrived[i]!.at)
    for (const [i, gap] of gaps.entries()) expect(gap).toBeGreaterThanOrEqual(49 * 2 ** i)
    expect(uplink.stats().confirmedReadings).toBe(0)
  })

  it('that tells of a fork makes everything go out at once under a new epoch', async () => {
    const { farSide, outbox, store } = await startUplink({ backoffMinMs: 60_000, backoffMaxMs: 60_000 })
    store(10)
    await farSide.untilArrived(1)
    await farSide.answer(0, { kind: 'forked', high: 99 })
    await farSide.untilArrived(2)
    expect(outbox.confirmations[0]).toMatchObject({ forked: true, high: 99 })
    expect(outbox.confirmed.count).toBe(0)
    expect(farSide.arrived[1]).toMatchObject({ epoch: outbox.epoch, range: { first: 1, last: 10 } })
    expect(outbox.epoch).not.toBe('epoch-1')
  })
})
