import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openReader } from '../../../src/store/reader.ts'
import { tempFolder } from '../../../support/folder.ts'
import { openStore } from '../stores.ts'

const message = (topic: string, bytes = 10, expiryS = 60) => {
  return { topic, retain: false, payload: new Uint8Array(bytes), expiryS }
}

function audit(folder: string) {
  const reader = openReader(folder)
  try {
    return reader.down()
  } finally {
    reader.close()
  }
}

type Step =
  | { readonly kind: 'add'; readonly bytes: number; readonly expiryS: number }
  | { readonly kind: 'remove'; readonly place: number; readonly why: 'delivered' | 'discarded' }
  | { readonly kind: 'expire'; readonly at: number }
  | { readonly kind: 'fail' | 'reopen' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('add' as const),
      bytes: fc.nat(9_000),
      expiryS: fc.integer({ min: 1, max: 50 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('remove' as const),
      place: fc.nat(20),
      why: fc.constantFrom('delivered' as const, 'discarded' as const),
    }),
  },
  fc.record({ kind: fc.constant('expire' as const), at: fc.nat(60_000) }),
  fc.record({ kind: fc.constantFrom('fail' as const, 'reopen' as const) }),
)

describe('the queue of messages from the cloud', () => {
  it('has the messages of a model after any sequence of events: in order, within its bounds, and its account balances', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const folder = tempFolder()
        const open = () => openStore(folder, { downMax: 12, downBytesMax: 65_536 })
        let store = open()
        let model: { id: number; bytes: number; expiresAt: number }[] = []
        let lastId = 0
        for (const one of steps) {
          const { down } = store.delivery
          if (one.kind === 'add') {
            const fate = store.write(() => down.add(message('a/b', one.bytes, one.expiryS), 0))
            const size = one.bytes + 131
            const used = model.reduce((sum, { bytes }) => sum + bytes, 0)
            const isFull = model.length >= 12 || used + size > 65_536
            expect(fate).toBe(size > 8_192 ? 'too large' : isFull ? 'full' : 'stored')
            if (fate === 'stored') model.push({ id: ++lastId, bytes: size, expiresAt: one.expiryS * 1_000 })
          } else if (one.kind === 'remove') {
            const id = model[one.place]?.id ?? lastId + 1
            expect(store.write(() => down.remove(id, one.why))).toBe(one.place < model.length)
            model = model.filter((other) => other.id !== id)
          } else if (one.kind === 'expire') {
            const due = down.due(one.at)
            expect(due).toEqual(model.filter(({ expiresAt }) => expiresAt <= one.at).map(({ id }) => id))
            store.write(() => {
              for (const id of due) down.remove(id, 'expired')
            })
            model = model.filter(({ id }) => !due.includes(id))
          } else if (one.kind === 'fail') {
            const failing = () => {
              down.add(message('lost'), 0)
              throw new Error('rolled back')
            }
            expect(() => store.write(failing)).toThrow('rolled back')
          } else {
            store.close()
            store = open()
          }
          const { waiting, bytes } = store.delivery.down.status()
          expect({ waiting, bytes }).toEqual({
            waiting: model.length,
            bytes: model.reduce((sum, m) => sum + m.bytes, 0),
          })
          expect(store.delivery.down.heads(0).map(({ id }) => id)).toEqual(model.map(({ id }) => id))
        }
        store.close()
        expect(audit(folder)).toMatchObject({ stored: lastId, waiting: model.length, problems: [] })
      }),
      { numRuns: 20 },
    )
  })

  it('never takes more than an eighth of the store', () => {
    const store = openStore(tempFolder(), { maxBytes: 1_048_576 })
    expect(store.delivery.down.status().bytesMax).toBe(131_072)
    store.close()
  })
})
