import { expect, it } from 'vitest'
import type { Batch } from '../../src/codec/batch.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { QUICK_UPLINK, SiteEdge } from '../../support/site.ts'
import { until } from '../../support/wait.ts'
import { publishInOrder } from './field-device.ts'
import { HostileReceiver } from './hostile-receiver.ts'

/** Several readings of one device in one message. */
function readings(count: number): string {
  return `[${Array.from({ length: count }, (_, i) => `{"value":${i}}`).join()}]`
}

function devicesOf({ series }: Batch): string[] {
  return series.map(({ device }) => device)
}

describePeer('mosquitto', 'a receiver that confirms what it never got', () => {
  it('marks only what was sent, in each run, and is reported', async () => {
    const cloud = await startMosquitto()
    const uplink = { url: cloud.url, ...QUICK_UPLINK, batchReadingsMax: 53, window: 1, confirmTimeoutMs: 60_000 }
    const edge = await SiteEdge.create({ uplinks: [uplink] })
    const all = [{ first: 1, last: 5_000 }]
    let answers = 1
    const receiver = await HostileReceiver.connect(cloud.url, () => {
      return answers-- > 0 ? { ranges: all, high: 5_000 } : undefined
    })
    for (const run of [1, 2]) {
      answers = 1
      const before = receiver.batches.length
      await edge.start()
      if (run === 1) await publishInOrder(edge, 'telemetry/pump/n', [readings(5_000)])
      await until(() => receiver.batches.length >= before + 2, { what: 'the batch after the answered one' })
      const sent = receiver.batches.slice(0, -1).reduce((sum, { count }) => sum + count, 0)
      expect(edge.waiting()).toBe(5_000 - sent)
      const { problems, uplinks } = await edge.status()
      expect(problems.join()).toContain('the receiver confirmed readings that were not sent')
      expect(uplinks[0]).toMatchObject({ unsent: 5_000 - sent })
      expect(edge.ledgerProblems()).toEqual([])
      expect(await edge.stop()).toBe(0)
      // The second batch had no answer.
      receiver.batches.pop()
    }
  }, 60_000)
})

describePeer('mosquitto', 'a receiver that answers "forked" to every batch', () => {
  it('gets one new epoch, and no further one before a pause, also after a restart', async () => {
    const cloud = await startMosquitto()
    const edge = await SiteEdge.create({ uplinks: [{ url: cloud.url, ...QUICK_UPLINK }] })
    const receiver = await HostileReceiver.connect(cloud.url, () => ({ kind: 'forked' }))
    const epochs = (): Set<string> => new Set(receiver.batches.map(({ epoch }) => epoch))
    const isHeld = async (): Promise<boolean> => (await edge.status()).problems.some((one) => one.includes('set back'))
    await edge.start()
    await publishInOrder(edge, 'telemetry/pump/n', [readings(100)])
    await until(isHeld, { what: 'the edge reports it' })
    await publishInOrder(edge, 'telemetry/pump/n', [readings(100)])
    expect(epochs().size).toBe(2)
    expect(await edge.stop()).toBe(0)
    await edge.start()
    await until(isHeld, { what: 'the edge reports it again' })
    expect(epochs().size).toBe(2)
    expect(receiver.batches.length).toBeLessThan(20)
    expect(edge.waiting()).toBe(200)
    expect(edge.ledgerProblems()).toEqual([])
  }, 60_000)
})

describePeer('mosquitto', 'a receiver that refuses every reading of one device', () => {
  it('gets those of all others, however many readings of that device are refused', async () => {
    const cloud = await startMosquitto()
    const edge = await SiteEdge.create({ uplinks: [{ url: cloud.url, ...QUICK_UPLINK }] })
    const refuse = { kind: 'rejected', reason: 'no room for it' } as const
    const receiver = await HostileReceiver.connect(cloud.url, (batch) => {
      return devicesOf(batch).includes('bad') ? { ...refuse, high: 0 } : {}
    })
    await edge.start()
    await publishInOrder(edge, 'telemetry/bad/t', [readings(6_000), readings(5_000)])
    await publishInOrder(edge, 'telemetry/good/t', ['10'])
    const good = (): Batch | undefined => receiver.batches.find((batch) => devicesOf(batch).join() === 'good')
    await until(good, { what: 'the good reading arrives' })
    await until(async () => (await edge.status()).store.backlogs[0]!.parked >= 1_000, { what: '1,000 are parked' })
    await publishInOrder(edge, 'telemetry/other/t', ['11'])
    await until(async () => (await edge.status()).store.backlogs[0]!.confirmed === 2, { what: 'another one arrives' })
    expect(receiver.batches.some((batch) => devicesOf(batch).join() === 'other')).toBe(true)
    const { problems, store } = await edge.status()
    expect(store.backlogs).toMatchObject([{ parked: 1_000, waiting: 10_000, confirmed: 2 }])
    expect(problems.join()).toContain('1000 readings were refused and are parked')
    expect(edge.ledgerProblems()).toEqual([])
  }, 90_000)
})
