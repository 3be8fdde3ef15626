import { describe, expect, it } from 'vitest'
import { hashOf } from '../../../src/config/canonical.ts'
import {
  ACK_ATTEMPTS_MAX,
  ACK_WAIT_MS,
  DEFAULT_RULES,
  type EdgeEffect,
  type EdgeEnv,
  type EdgeEvent,
  newEdgeState,
  type SyncRules,
  TOMBSTONE_KEPT_MS,
} from '../../../src/config/edge/state.ts'
import { message, nextDue, step } from '../../../src/config/edge/step.ts'
import type { JsonObject } from '../../../src/config/json.ts'
import { includes, type Revision } from '../../../src/config/revision.ts'
import { parseSet } from '../../../src/config/wire.ts'

/** A device at an edge; every step happens at `now`. */
class Edge {
  state = newEdgeState('pump', 'k3f9')
  effects: readonly EdgeEffect[] = []
  now = Date.UTC(2030, 0, 1)
  clockSynced = true
  readonly rules: Partial<SyncRules>

  constructor(rules: Partial<SyncRules> = {}) {
    this.rules = rules
  }

  on(event: EdgeEvent): this {
    const env: EdgeEnv = {
      now: this.now,
      clockSynced: this.clockSynced,
      rules: { ...DEFAULT_RULES, ...this.rules },
      check: ({ limit }) => (typeof limit === 'number' && limit > 100 ? ['/limit is more than 100'] : []),
      custom: () => ({ ok: false, reason: 'there is none' }),
    }
    const { state, effects } = step(this.state, event, env)
    this.state = state
    this.effects = effects
    return this
  }

  set(id: string, patch: JsonObject): this {
    return this.on({ kind: 'set', set: { id, patch }, by: 'user:bob' })
  }

  /** Delivers the cloud's revision `c`, which includes the revisions of the edge up to `e`. */
  desired(c: number, config: JsonObject | null, more: { e?: number; resolves?: string } = {}): this {
    const { e = 0, resolves } = more
    const rev = { c, ci: 0, e, ei: e === 0 ? '' : 'k3f9' }
    const named = resolves === undefined ? {} : { resolves }
    const revision: Revision = {
      rev,
      base: null,
      hash: hashOf(config),
      config,
      hlc: '0-0-cloud',
      by: 'user:al',
      ...named,
    }
    return this.on({ kind: 'desired', message: { form: 'full', revision } })
  }

  get config(): JsonObject | null | undefined {
    return this.state.cur?.config
  }

  get code(): number | undefined {
    return this.effects.flatMap((effect) => (effect.kind === 'result' ? [effect.result.code] : []))[0]
  }

  of<K extends EdgeEffect['kind']>(kind: K): Extract<EdgeEffect, { kind: K }>[] {
    return this.effects.filter((effect) => effect.kind === kind) as Extract<EdgeEffect, { kind: K }>[]
  }
}

const manual = { policies: [{ path: '/a', onConflict: 'manual' as const }] }

/** A device with an open conflict. @param before called before the first step */
function open(before: (edge: Edge) => void = () => undefined): Edge {
  const edge = new Edge(manual)
  before(edge)
  return edge.desired(1, { a: 0, b: 0 }).set('1', { a: 1 }).desired(2, { a: 2, b: 2 })
}

describe('a local edit', () => {
  it('that requires another revision than the one in force is refused with 409', () => {
    const edge = new Edge().desired(1, { a: 1 })
    const ifRev = { c: 9, ci: 0, e: 0, ei: '' }
    expect(edge.on({ kind: 'set', set: { id: '1', patch: { a: 2 }, ifRev }, by: 'user:bob' }).code).toBe(409)
    expect(edge.config).toEqual({ a: 1 })
  })

  it('that arrives twice is applied once and answered twice', () => {
    const edge = new Edge().set('1', { a: 1 }).set('2', { a: 2 }).set('1', { a: 1 })
    expect(edge.code).toBe(200)
    expect(edge.config).toEqual({ a: 2 })
  })

  it('is refused with 413 beyond a limit, and with 400 against the schema', () => {
    const edge = new Edge().set('1', { limit: 1 })
    expect(edge.set('2', { text: 'x'.repeat(5_000) }).code).toBe(413)
    expect(edge.set('3', { limit: 101 }).code).toBe(400)
    expect(edge.config).toEqual({ limit: 1 })
  })

  it('is refused when it is retained or does not have exactly one edit', () => {
    const read = (text: string, retained = false): boolean => parseSet(text, { retained }).ok
    expect(read('{"id":"1","patch":{}}')).toBe(true)
    expect(read('{"id":"1","patch":{}}', true)).toBe(false)
    expect(read('{"id":"1","patch":{},"delete":true}')).toBe(false)
    expect(read('{"id":"1"}')).toBe(false)
    expect(read('{"id":"1","ifRev":"c12.1-e7.k3f9","config":{}}')).toBe(true)
    expect(read('{"id":"1","ifRev":"c12","config":{}}')).toBe(false)
  })
})

describe('a replayed cloud revision', () => {
  it('from before the first edit of this edge database is stale, even after later acknowledgements', () => {
    const edge = new Edge().desired(1, { a: 0 })
    for (const e of [1, 2]) {
      edge.set(`${e}`, { a: e })
      edge.on({ kind: 'desired', message: { form: 'full', revision: edge.state.cur! } }) // accepted
    }
    expect(edge.state.base?.rev.e).toBe(2)
    expect(edge.desired(1, { a: 0 }).config).toEqual({ a: 2 })
    expect(edge.state.cur?.rev.e).toBe(2)
  })
})

describe('a device', () => {
  it('gets its config three times without an answer, and then counts as silent', () => {
    const edge = new Edge().desired(1, { a: 1 })
    let attempts = edge.of('publishLocal').length
    while (nextDue(edge.state) !== undefined) {
      edge.now += ACK_WAIT_MS
      attempts += edge.on({ kind: 'tick' }).of('publishLocal').length
    }
    expect(attempts).toBe(ACK_ATTEMPTS_MAX)
    expect(edge.state.applied.status).toBe('silent')
    expect(edge.of('alarm')[0]?.name).toBe('silent')
  })

  it('is pending when it reports an older revision, and drifted when its hash of the current one differs', () => {
    const edge = new Edge().desired(1, { a: 1 })
    const { rev, hash } = edge.state.cur!
    const ack = { kind: 'ack', code: 200, message: '' } as const
    edge.set('1', { a: 2 })
    expect(edge.on({ ...ack, rev, hash }).state.applied.status).toBe('pending')
    const now = edge.state.cur!
    expect(edge.on({ ...ack, rev: now.rev, hash }).state.applied.status).toBe('drifted')
    expect(edge.on({ ...ack, rev: now.rev, hash: now.hash }).state.applied.status).toBe('applied')
  })
})

describe('a conflict', () => {
  it('keeps the running values, and is closed at the edge by one revision that includes both sides', () => {
    const edge = open()
    expect(edge.config).toEqual({ a: 1, b: 0 })
    const { cid } = edge.state.conflict!.record
    edge.on({ kind: 'resolve', id: 'r', cid, take: 'edge', by: 'user:bob' })
    expect(edge.config).toEqual({ a: 1, b: 2 })
    expect(edge.state.conflict).toBeNull()
    expect(includes(edge.state.cur!.rev, { c: 2, ci: 0, e: 1, ei: 'k3f9' })).toBe(true)
    expect(JSON.parse(message(edge.state, 'conflict'))).toMatchObject({ cid, status: 'resolved' })
  })

  it('is closed by a cloud revision that resolves it, even one that returns to the former value', () => {
    const edge = open()
    edge.desired(3, { a: 0, b: 2 }, { resolves: edge.state.conflict!.record.cid })
    expect(edge.config).toEqual({ a: 0, b: 2 })
    expect(edge.of('log').some(({ change }) => change.loser === 'edge' && change.lost === 1)).toBe(true)
  })

  it('gets the decision of the cloud when both sides have resolved it', () => {
    const edge = open()
    const { cid } = edge.state.conflict!.record
    edge.on({ kind: 'resolve', id: 'r', cid, take: 'edge', by: 'user:bob' })
    edge.desired(3, { a: 3, b: 2 }, { resolves: cid })
    expect(edge.config).toEqual({ a: 3, b: 2 })
  })

  it('opens when the schema refuses the config of the cloud', () => {
    const edge = new Edge().desired(1, { limit: 1 }).desired(2, { limit: 101 })
    expect(edge.state.conflict?.record.kind).toBe('schema')
    expect(edge.config).toEqual({ limit: 1 })
    expect(edge.desired(3, { limit: 3 }).config).toEqual({ limit: 3 })
    expect(edge.state.conflict).toBeNull()
  })

  it('raises one alarm when it is not resolved in time', () => {
    const edge = open()
    edge.now = edge.state.conflict!.record.deadline
    expect(edge.on({ kind: 'tick' }).of('alarm')).toHaveLength(1)
    expect(
      edge
        .on({ kind: 'tick' })
        .of('alarm')
        .filter(({ name }) => name === 'overdue'),
    ).toEqual([])
  })
})

describe('a clock that cannot be trusted', () => {
  const DAY_MS = 86_400_000
  /** To 1970 and to 2036 too: the time of these tests is the first day of 2030. */
  const STEPS_MS = [1_000, 3_600_000, DAY_MS, 30 * DAY_MS, 3_652 * DAY_MS].flatMap((ms) => [ms, -ms])
  const SKEWS_MS = [...STEPS_MS, 60_000 - Date.UTC(2030, 0, 1), Date.UTC(2036, 1, 7) - Date.UTC(2030, 0, 1)]
  const isOverdue = (edge: Edge): boolean => edge.state.conflict?.overdue === true

  it('passes no deadline of a conflict, whatever it shows', () => {
    const edge = open()
    for (const skewMs of SKEWS_MS) {
      edge.clockSynced = false
      edge.now += skewMs
      expect(isOverdue(edge.on({ kind: 'tick' }))).toBe(false)
      edge.now -= skewMs
      edge.clockSynced = true
      expect(isOverdue(edge.on({ kind: 'tick' }))).toBe(false)
    }
    edge.now = edge.state.conflict!.record.deadline
    expect(isOverdue(edge.on({ kind: 'tick' }))).toBe(true)
  })

  it('starts the deadline of a conflict that opened meanwhile when the clock is right', () => {
    for (const skewMs of SKEWS_MS) {
      const edge = open((one) => {
        one.clockSynced = false
        one.now += skewMs
      })
      edge.now -= skewMs
      expect(nextDue(edge.state)).toBeLessThanOrEqual(edge.now)
      edge.clockSynced = true
      edge.on({ kind: 'tick' })
      expect(isOverdue(edge)).toBe(false)
      expect(edge.state.conflict!.record.deadline).toBe(edge.now + DEFAULT_RULES.conflictDeadlineMs)
      edge.now += DEFAULT_RULES.conflictDeadlineMs
      expect(isOverdue(edge.on({ kind: 'tick' }))).toBe(true)
    }
  })

  it('purges no tombstone, and one that was made meanwhile is kept for its time once the clock is right', () => {
    for (const skewMs of SKEWS_MS) {
      const edge = new Edge()
      edge.clockSynced = false
      edge.now += skewMs
      edge.desired(1, { a: 1 }).desired(2, null)
      edge.now -= skewMs
      edge.clockSynced = true
      edge.on({ kind: 'tick' })
      edge.now += TOMBSTONE_KEPT_MS - 1
      expect(edge.on({ kind: 'tick' }).state.tombstone?.purged).toBe(false)
      edge.clockSynced = false
      edge.now += 3_652 * DAY_MS
      expect(edge.on({ kind: 'tick' }).state.tombstone?.purged).toBe(false)
      edge.clockSynced = true
      edge.now -= 3_652 * DAY_MS - 1
      expect(edge.on({ kind: 'tick' }).state.tombstone?.purged).toBe(true)
    }
  })
})

describe('a tombstone', () => {
  it('is purged after its time, and no older revision comes back', () => {
    const edge = new Edge().desired(1, { a: 1 }).desired(2, null)
    edge.now += TOMBSTONE_KEPT_MS
    edge.on({ kind: 'tick' })
    expect(message(edge.state, 'head')).toBe('')
    expect(edge.desired(1, { a: 1 }).config).toBeNull()
    expect(edge.desired(3, { a: 3 }).config).toEqual({ a: 3 })
    expect(edge.of('publishLocal')[0]?.payload).toBe('{"a":3}')
    expect(message(edge.state, 'head')).not.toBe('')
  })
})
