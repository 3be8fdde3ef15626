import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { silentLog as log } from '../../../src/base/log.ts'
import {
  DownDelivering,
  type DownStore,
  type LocalBroker,
  type WaitingMessage,
} from '../../../src/uplink/down/delivering.ts'
import { until } from '../../../support/wait.ts'

/** A queue in memory. */
class MemoryStore implements DownStore {
  messages: WaitingMessage[] = []
  failures = 0
  removed: number[] = []

  async turn({ after, delivered }: { after: number; delivered: readonly number[] }) {
    if (this.failures > 0) {
      this.failures--
      throw new Error('disk full')
    }
    this.messages = this.messages.filter(({ id }) => !delivered.includes(id))
    this.removed.push(...delivered)
    return { heads: this.messages.filter(({ id }) => id > after).slice(0, 3), gone: [] }
  }

  async payload(id: number) {
    return Buffer.from(`${id}`)
  }
}

/** A broker whose subscribers answer as `fates` says: acknowledge, or leave without an answer. */
class FakeBroker implements LocalBroker {
  readonly handed: { topic: string; id: number }[] = []
  readonly subscribed = new Set<string>()
  readonly #fates: ('acknowledges' | 'leaves')[]

  constructor(fates: readonly ('acknowledges' | 'leaves')[]) {
    this.#fates = [...fates]
  }

  hasSubscriber(topic: string): boolean {
    return this.subscribed.has(topic)
  }

  deliver({ topic, payload }: { topic: string; payload: Buffer }, onAcknowledged: () => void) {
    this.handed.push({ topic, id: Number(payload) })
    if (this.#fates.shift() === 'leaves') return { isOpen: false }
    setImmediate(onAcknowledged)
    return { isOpen: true }
  }
}

describe('the delivery of messages from the cloud', () => {
  it('hands each message of a topic with a subscriber over until it is acknowledged, in order, whatever fails', async () => {
    const topics = ['a', 'b', 'c']
    const fates = fc.array(fc.constantFrom('acknowledges' as const, 'leaves' as const), { maxLength: 4 })
    const order = fc.array(fc.constantFrom(...topics), { maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(order, fates, fc.constantFrom(0, 1), async (given, fate, failures) => {
        const store = new MemoryStore()
        store.messages = given.map((topic, i) => ({ id: i + 1, topic, retain: false }))
        store.failures = failures
        const broker = new FakeBroker(fate)
        for (const topic of ['a', 'b']) broker.subscribed.add(topic)
        const delivering = DownDelivering.start(store, { broker, log })
        await until(() => store.messages.every(({ topic }) => topic === 'c'))
        await delivering.stop()
        expect(store.messages).toHaveLength(given.filter((topic) => topic === 'c').length)
        for (const topic of topics) {
          const ids = broker.handed.filter((one) => one.topic === topic).map(({ id }) => id)
          expect(ids).toEqual([...ids].sort((a, b) => a - b))
          const due = given.flatMap((one, i) => (one === topic && topic !== 'c' ? [i + 1] : []))
          expect([...new Set(ids)]).toEqual(due)
        }
        expect([...store.removed].sort((a, b) => a - b)).toEqual([...new Set(store.removed)].sort((a, b) => a - b))
      }),
      { numRuns: 15 },
    )
  })
})
