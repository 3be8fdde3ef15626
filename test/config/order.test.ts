import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hashOf } from '../../src/config/canonical.ts'
import {
  DEFAULT_RULES,
  type EdgeEffect,
  type EdgeEnv,
  type EdgeState,
  newEdgeState,
} from '../../src/config/edge/state.ts'
import { step } from '../../src/config/edge/step.ts'
import type { JsonObject } from '../../src/config/json.ts'
import { applyMergePatch } from '../../src/config/patch.ts'
import { formatRev, type Revision } from '../../src/config/revision.ts'
import { type DesiredMessage, parseDesired } from '../../src/config/wire.ts'

const env: EdgeEnv = {
  now: Date.UTC(2030, 0, 1),
  clockSynced: true,
  rules: DEFAULT_RULES,
  check: () => [],
  custom: () => ({ ok: false, reason: 'there is none' }),
}
const key = fc.constantFrom('a', 'b', 'c', 'd')

/** The state of an edge with a first config from the cloud and edits that the cloud has not seen. */
function edited(edits: readonly string[]): EdgeState {
  let state = desired(newEdgeState('pump', 'k3f9'), full(1, { a: 0, b: 0, c: 0, d: 0 })).state
  for (const [i, name] of edits.entries()) state = set(state, `${i}`, { [name]: 1_000 + i })
  return state
}

function set(state: EdgeState, id: string, patch: JsonObject): EdgeState {
  return step(state, { kind: 'set', set: { id, patch }, by: 'user:edge' }, env).state
}

function desired(state: EdgeState, message: DesiredMessage): { state: EdgeState; effects: readonly EdgeEffect[] } {
  return step(state, { kind: 'desired', message }, env)
}

function full(c: number, config: JsonObject): DesiredMessage {
  const rev = { c, ci: 0, e: 0, ei: '' }
  const revision: Revision = { rev, base: null, hash: hashOf(config), config, hlc: '0-0-cloud', by: 'user:cloud' }
  return { form: 'full', revision }
}

/** The configs that a cloud writes one after the other; no value occurs twice. */
function revisions(writes: readonly string[]): JsonObject[] {
  let config: JsonObject = { a: 0, b: 0, c: 0, d: 0 }
  return writes.map((name, i) => {
    config = applyMergePatch(config, { [name]: i + 1 }) as JsonObject
    return config
  })
}

describe('the order of messages', () => {
  it('does not influence the final state, and neither does repetition (invariant 9)', () => {
    const edits = fc.array(key, { maxLength: 4 })
    const writes = fc.array(key, { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(edits, writes, fc.array(fc.nat(5), { maxLength: 12 }), (edits, writes, order) => {
        const messages = revisions(writes).map((config, i) => full(i + 2, config))
        const inOrder = messages.reduce((state, one) => desired(state, one).state, edited(edits))
        const shuffled = [...order.map((i) => messages[i % messages.length]!), ...messages]
        const anyOrder = shuffled.reduce((state, one) => desired(state, one).state, edited(edits))
        expect(anyOrder.cur?.config).toEqual(inOrder.cur?.config)
        expect(anyOrder.base?.rev).toEqual(inOrder.base?.rev)
      }),
    )
  })
})

describe('a simple cloud', () => {
  const simple = fc.oneof(
    fc.record({ form: fc.constant('versioned' as const), version: fc.integer({ min: 1, max: 6 }), name: key }),
    fc.record({ form: fc.constant('bare' as const), name: key }),
  )
  const event = fc.oneof(simple, fc.record({ form: fc.constant('edit' as const), name: key }))

  it('never overwrites an unseen edit of the edge without a log entry (invariant 24)', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), (events) => {
        let state = edited([])
        for (const [i, one] of events.entries()) {
          const before = state
          if (one.form === 'edit') {
            state = set(state, `edit-${i}`, { [one.name]: 1_000 + i })
            continue
          }
          const config = { a: 0, b: 0, c: 0, d: 0, [one.name]: i + 1 }
          const { state: after, effects } = desired(
            state,
            one.form === 'bare' ? { form: 'bare', config } : { ...one, config },
          )
          const counted = effects.map((effect) => (effect.kind === 'count' ? effect.name : ''))
          const edits = before.cur?.rev.e !== before.base?.rev.e
          expect(edits && (counted.includes('forwarded') || counted.includes('adopted'))).toBe(false)
          expectLossesLogged(before, after, effects)
          state = after
        }
      }),
    )
  })

  it('is understood in both message forms, and an older version from it is stale', () => {
    const one = desired(edited([]), read('{"version":5,"config":{"a":5}}')).state
    expect(formatRev(one.cur!.rev)).toBe('c5.0-e0.')
    expect(desired(one, read('{"version":4,"config":{"a":4}}')).state.cur).toEqual(one.cur)
    const next = desired(one, read('{"a":6}')).state
    expect(next.cur?.rev.c).toBe(6)
    expect(desired(next, read('{"a":6}')).state.cur).toEqual(next.cur)
  })
})

function read(text: string): DesiredMessage {
  const message = parseDesired(text, 'pump')
  if (!message.ok) throw new Error(message.reason)
  return message.value
}

/** Expects the log to report every edited value of the edge that was replaced as lost. */
function expectLossesLogged(before: EdgeState, after: EdgeState, effects: readonly EdgeEffect[]): void {
  const lost = effects.flatMap((effect) =>
    effect.kind === 'log' && effect.change.loser === 'edge' ? [effect.change] : [],
  )
  for (const [name, value] of Object.entries(before.cur?.config ?? {})) {
    if (value === before.base?.config?.[name] || value === after.cur?.config?.[name]) continue
    expect(lost.some((change) => change.path === `/${name}` && change.lost === value)).toBe(true)
  }
}
