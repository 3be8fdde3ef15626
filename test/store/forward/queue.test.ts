import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HELD_MS, POISON_CANDIDATE_MESSAGES_MAX } from '../../../src/store/forward/forward-outbox.ts'
import { namesText } from '../../../src/store/forward/messages.ts'
import { openReader } from '../../../src/store/reader.ts'
import type { Store } from '../../../src/store/store.ts'
import { tempFolder } from '../../../support/folder.ts'
import { openStore } from '../stores.ts'

const BYTES_MAX = 1_000_000
const NOW = 1_000
const UPLINKS = ['one', 'two']
const REASON = 'the test does not like it'

function put(store: Store, topic: string, payload: string | Buffer, uplinks?: string[]): boolean {
  const message = { topic, target: '{topic}', uplinks: namesText(uplinks), qos: 1, retain: false } as const
  return store.write(() => store.delivery.forwards.add({ ...message, receivedAt: NOW, payload: Buffer.from(payload) }))
}

/**
 * A broker for one uplink: it receives in order while a connection lasts, and loses what is in flight with the
 * connection.
 */
class Broker {
  readonly uplink: string
  /** The messages of each connection. */
  readonly connections: { id: number; topic: string; value: number }[][] = [[]]
  #wire: { id: number; topic: string; value: number }[] = []
  #answers: { id: number; taken: boolean }[] = []

  constructor(uplink: string) {
    this.uplink = uplink
  }

  send(store: Store, now = NOW): boolean {
    const taken = store.delivery.forwards.outbox(this.uplink).take(BYTES_MAX, now)
    if (taken === undefined) return false
    const { id, topic } = taken.head
    this.#wire.push({ id, topic, value: Number(Buffer.from(taken.payload).toString()) })
    return true
  }

  hear(count: number): void {
    for (const message of this.#wire.splice(0, count)) {
      const taken = message.value % 7 !== 3
      if (taken) this.connections.at(-1)!.push(message)
      this.#answers.push({ id: message.id, taken })
    }
  }

  answer(store: Store, count: number): void {
    const outbox = store.delivery.forwards.outbox(this.uplink)
    for (const { id, taken } of this.#answers.splice(0, count)) {
      store.write(() => (taken ? outbox.confirm([id]) : outbox.refuse(id, { reason: REASON, at: NOW, certain: false })))
    }
  }

  lose(): void {
    this.#wire = []
    this.#answers = []
    this.connections.push([])
  }

  /** Values of a topic in order of their first arrival. */
  heard(topic: string): number[] {
    return [
      ...new Set(
        this.connections
          .flat()
          .filter((one) => one.topic === topic)
          .map(({ value }) => value),
      ),
    ]
  }
}

function accounts(folder: string) {
  const reader = openReader(folder)
  try {
    return reader.forwards()
  } finally {
    reader.close()
  }
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('store' as const), topic: fc.constantFrom('a', 'b', 'c'), only: fc.boolean() }),
  fc.record({
    kind: fc.constantFrom('send', 'hear', 'answer'),
    uplink: fc.nat(1),
    count: fc.integer({ min: 1, max: 5 }),
  }),
  fc.record({ kind: fc.constant('lose' as const), uplink: fc.nat(1) }),
  fc.record({ kind: fc.constant('restart' as const) }),
)

describe('forwarded messages of two uplinks', () => {
  it('arrive in order per topic and exactly as stored, for any sequence of stores, answers, refusals, lost connections and restarts', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
        const folder = tempFolder()
        let store = openStore(folder, { uplinks: UPLINKS })
        const brokers = UPLINKS.map((name) => new Broker(name))
        const stored: { topic: string; only: boolean }[] = []
        for (const one of steps) {
          if (one.kind === 'store' && 'only' in one) {
            expect(put(store, one.topic, `${stored.length}`, one.only ? ['two'] : undefined)).toBe(true)
            stored.push(one)
          } else if (one.kind === 'restart') {
            store.close()
            store = openStore(folder, { uplinks: UPLINKS })
            for (const broker of brokers) broker.lose()
          } else if ('uplink' in one) {
            const broker = brokers[one.uplink]!
            const count = 'count' in one ? one.count : 0
            if (one.kind === 'hear') broker.hear(count)
            if (one.kind === 'answer') broker.answer(store, count)
            if (one.kind === 'send') for (let i = 0; i < count; i++) broker.send(store)
            if (one.kind === 'lose') {
              store.delivery.forwards.outbox(broker.uplink).releaseAll()
              broker.lose()
            }
          }
        }
        // The last message is accepted, so the receiver refuses the others for their content.
        put(store, 'end', `${7 * stored.length}`)
        for (const broker of brokers) {
          store.delivery.forwards.outbox(broker.uplink).releaseAll()
          broker.lose()
          while (broker.send(store)) {
            broker.hear(1)
            broker.answer(store, 1)
          }
        }
        for (const [at, broker] of brokers.entries()) {
          for (const topic of ['a', 'b', 'c']) {
            const wanted = stored.flatMap((one, value) =>
              one.topic === topic && (at === 1 || !one.only) ? [value] : [],
            )
            expect(broker.heard(topic)).toEqual(wanted.filter((value) => value % 7 !== 3))
          }
          for (const connection of broker.connections) {
            expect(connection.map(({ id }) => id)).toEqual(connection.map(({ id }) => id).sort((a, b) => a - b))
          }
        }
        for (const account of accounts(folder)) {
          expect(account).toMatchObject({ problems: [], waiting: 0 })
          const mine = stored.filter(({ only }) => account.uplink === 'two' || !only)
          expect(account.stored).toBe(mine.length + 1)
        }
        const reader = openReader(folder)
        const parked = reader.parkedMessages(1_000)
        reader.close()
        for (const { id, uplink } of parked) store.write(() => store.delivery.forwards.outbox(uplink).drop(id))
        expect(store.delivery.forwards.status()).toMatchObject({ bytes: 0 })
        store.close()
        expect(accounts(folder).flatMap(({ problems }) => problems)).toEqual([])
      }),
      { numRuns: 12 },
    )
  })
})

describe('a cloud broker that refuses messages', () => {
  it('parks none of them when it refuses every message; they are sent again from the first one after a while', () => {
    const folder = tempFolder()
    const store = openStore(folder)
    const outbox = store.delivery.forwards.outbox('cloud')
    for (let i = 0; i <= POISON_CANDIDATE_MESSAGES_MAX; i++) put(store, 't', `${i}`)
    for (let i = 0; i < POISON_CANDIDATE_MESSAGES_MAX; i++) {
      const { head } = outbox.take(BYTES_MAX, NOW)!
      expect(store.write(() => outbox.refuse(head.id, { reason: REASON, at: NOW, certain: false }))).toBe('parked')
    }
    const last = outbox.take(BYTES_MAX, NOW)!
    expect(store.write(() => outbox.refuse(last.head.id, { reason: REASON, at: NOW, certain: false }))).toBe('held')
    expect([outbox.parked, outbox.take(BYTES_MAX, NOW), outbox.heldMs(NOW)]).toEqual([0, undefined, HELD_MS])
    expect(store.delivery.forwards.status().uplinks[0]).toMatchObject({ refusedBecause: REASON, waiting: last.head.id })
    expect(outbox.take(BYTES_MAX, NOW + HELD_MS)?.head.id).toBe(1)
    store.close()
  })

  it('has a message parked at once when that message is certainly the cause, and it can be replayed or dropped', () => {
    const folder = tempFolder()
    const store = openStore(folder)
    const outbox = store.delivery.forwards.outbox('cloud')
    put(store, 't', 'huge')
    const { head } = outbox.take(BYTES_MAX, NOW)!
    store.write(() => outbox.refuse(head.id, { reason: REASON, at: NOW, certain: true }))
    expect([outbox.parked, outbox.waiting, outbox.take(BYTES_MAX, NOW)]).toEqual([1, 0, undefined])
    store.write(() => outbox.replay(1))
    expect(outbox.take(BYTES_MAX, NOW)?.head.id).toBe(head.id)
    store.write(() => outbox.confirm([head.id]))
    expect(store.delivery.forwards.status()).toMatchObject({ bytes: 0 })
    store.close()
    expect(accounts(folder)).toMatchObject([{ stored: 1, confirmed: 1, parked: 0, problems: [] }])
  })
})

describe('the space for forwarded messages', () => {
  it('is bounded; a message that does not fit changes nothing, and is accepted when others have left', () => {
    const store = openStore(tempFolder(), { forwardBytesMax: 65_536 })
    const outbox = store.delivery.forwards.outbox('cloud')
    const kilobyte = Buffer.alloc(1_024)
    let count = 0
    while (put(store, 't', kilobyte)) count++
    expect(count).toBe(Math.floor(65_536 / (1_024 + 1 + 128)))
    expect(store.delivery.forwards.status()).toMatchObject({ full: true, refused: 1 })
    const { head } = outbox.take(BYTES_MAX, NOW)!
    store.write(() => outbox.confirm([head.id]))
    expect(store.delivery.forwards.status().full).toBe(false)
    expect(put(store, 't', kilobyte)).toBe(true)
    store.close()
  })

  it('is freed when an uplink is removed; a new uplink begins where its settings say', () => {
    const folder = tempFolder()
    let store = openStore(folder, { uplinks: ['one'] })
    put(store, 't', '1')
    store.close()
    store = openStore(folder, { uplinks: ['one', 'two'] })
    expect(store.delivery.forwards.outbox('two').waiting).toBe(1)
    put(store, 't', '2', ['one'])
    store.close()
    store = openStore(folder, { uplinks: ['two'] })
    expect([store.delivery.forwards.freed, store.delivery.forwards.outbox('two').waiting]).toEqual([1, 1])
    expect(store.delivery.forwards.outbox('two').take(BYTES_MAX, NOW)?.head.id).toBe(1)
    store.close()
  })
})
