import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FilterLimits } from '../../../src/broker/sessions/filter-limits.ts'
import type { SessionSettings } from '../../../src/broker/sessions/session.ts'
import { bytesToKeep, QueuedMessage } from '../../../src/broker/sessions/session-queue.ts'
import { Sessions } from '../../../src/broker/sessions/sessions.ts'
import { onStop } from '../../../support/started.ts'
import { until } from '../../../support/wait.ts'

const DEFAULTS: SessionSettings = {
  sessionsMax: 1_000,
  sessionExpiryS: 1_000,
  sessionQueueMax: 10,
  sessionQueueBytesMax: 1_000_000,
}

function start(settings: Partial<SessionSettings> = {}) {
  const ended: string[] = []
  const limits = new FilterLimits({ filtersPerClientMax: 1_000, filtersMax: 100_000 })
  const sessions = new Sessions({ ...DEFAULTS, ...settings }, limits, (id) => ended.push(id))
  onStop(() => sessions.stop())
  let counter = 0
  /** Publishes to all sessions that match. @returns how many they were */
  const publish = (topic: string, payload = 'x'): number => {
    const message = new QueuedMessage({ cmd: 'publish', topic, payload, qos: 1, brokerCounter: ++counter })
    const recipients = sessions.match(topic)
    for (const { clientId } of recipients) sessions.enqueue(sessions.of(clientId), message)
    return recipients.length
  }
  /** A session whose client is away. */
  const abandon = (id: string, filter = '#'): void => {
    const connection = {}
    sessions.enter(id, connection)
    sessions.subscribe(id, { topic: filter, qos: 1 })
    sessions.leave(id, connection, false)
  }
  const queued = (id: string): number => sessions.find(id)?.queue.count ?? 0
  return { sessions, ended, publish, abandon, queued }
}

describe('sessions of absent clients', () => {
  it('are not matched any more when their queue is full, and their messages are counted', () => {
    const { sessions, publish, abandon, queued } = start()
    for (let i = 0; i < 500; i++) abandon(`s${i}`)
    for (let i = 0; i < 11; i++) publish('t')
    expect(sessions.wants('t')).toEqual({ open: false, full: 500 })
    expect(publish('t')).toBe(0)
    expect(sessions.dropped).toBe(1_000)
    expect(queued('s0')).toBe(10)
    sessions.enter('s0', {})
    expect(publish('t')).toBe(1)
    expect(queued('s0')).toBe(11)
  })

  it('lose their queues when all queues are too large, first those that were never resumed, longest absence first', () => {
    const { sessions, publish, abandon, queued } = start({ sessionQueueMax: 1_000, sessionQueueBytesMax: 100_000 })
    abandon('regular', 'a/#')
    const connection = {}
    sessions.enter('regular', connection)
    publish('a/x', 'x'.repeat(20_000))
    sessions.leave('regular', connection, false)
    for (const id of ['old', 'young']) abandon(id, `${id}/#`)
    for (const id of ['old', 'young']) publish(`${id}/x`, 'x'.repeat(20_000))
    for (let i = 0; i < 40; i++) {
      abandon(`flood${i}`, `flood${i}/#`)
      publish(`flood${i}/x`, 'x'.repeat(20_000))
    }
    expect(sessions.stats().queuedBytes).toBeLessThanOrEqual(100_000)
    expect([queued('regular'), queued('old'), queued('young'), queued('flood39')]).toEqual([1, 0, 0, 1])
    expect(sessions.stats().givenUp).toMatchObject({ count: 39, last: 'flood36' })
    expect(sessions.wants('old/x')).toEqual({ open: false, full: 1 })
    sessions.enter('old', {})
    expect(publish('old/y')).toBe(1)
    expect(queued('old')).toBe(1)
  })

  it('cannot take all bytes with one queue, and a message is counted once for all queues', () => {
    const { sessions, publish, abandon, queued } = start({ sessionQueueMax: 1_000, sessionQueueBytesMax: 100_000 })
    for (let i = 0; i < 20; i++) abandon(`s${i}`, 'all')
    abandon('big', 'big')
    publish('all', 'x'.repeat(20_000))
    for (let i = 0; i < 10; i++) publish('big', 'x'.repeat(10_000))
    expect(queued('big')).toBe(2)
    expect(queued('s0') + queued('s19')).toBe(2)
    expect(sessions.stats().givenUp.count).toBe(0)
  })

  it('end when there are too many, longest absence first, but not those that were resumed', () => {
    const { sessions, ended, abandon } = start({ sessionsMax: 10 })
    abandon('regular')
    abandon('regular')
    for (let i = 0; i < 30; i++) abandon(`s${i}`)
    expect(sessions.stats()).toMatchObject({ count: 10, absent: 10, evicted: { count: 21, last: 's20' } })
    expect(ended[0]).toBe('s0')
    expect(sessions.find('regular')).toBeDefined()
    expect(sessions.limits.count).toBe(10)
  })

  it('end when they have been away for too long, with all that they hold', async () => {
    const { sessions, ended, publish, abandon } = start({ sessionExpiryS: 1 })
    abandon('away')
    sessions.enter('here', {})
    sessions.subscribe('here', { topic: '#', qos: 1 })
    publish('t')
    await until(() => ended.length === 1, { what: 'the session expires' })
    expect(ended).toEqual(['away'])
    expect(sessions.stats()).toMatchObject({ count: 1, absent: 0, expired: 1, filters: 1, queued: 1 })
  })

  it('leave nothing behind when they end', () => {
    const { sessions, publish, abandon } = start()
    for (let i = 0; i < 50; i++) abandon(`s${i}`, i % 2 === 0 ? '#' : `t/${i}/+`)
    for (let i = 0; i < 30; i++) publish(`t/${i}/x`)
    for (let i = 0; i < 50; i++) sessions.end(`s${i}`)
    expect(sessions.stats()).toMatchObject({ count: 0, absent: 0, filters: 0, queued: 0, queuedBytes: 0 })
    expect(sessions.wants('t/1/x')).toEqual({ open: false, full: 0 })
  })
})

describe('the queue of a session', () => {
  it('never gives two messages the same packet identifier', () => {
    const { sessions, publish } = start()
    sessions.enter('a', {})
    sessions.subscribe('a', { topic: '#', qos: 1 })
    const { queue } = sessions.of('a')
    publish('first')
    const first = queue.idFor(1)
    const ids = new Set<number>()
    for (let counter = 2; counter < 70_000; counter++) {
      publish('t')
      const id = queue.idFor(counter)
      ids.add(id)
      expect(queue.clear(id)).toMatchObject({ topic: 't' })
    }
    expect(ids.has(first)).toBe(false)
    expect(queue.clear(first)).toMatchObject({ topic: 'first' })
  })
})

describe('a payload that is kept', () => {
  it('keeps little more memory than its own bytes, and is copied only for that', () => {
    const size = fc.integer({ min: 1, max: 20_000 })
    fc.assert(
      fc.property(size, size, (length, more) => {
        const read = Buffer.allocUnsafeSlow(length + more).fill('x')
        const payload = read.subarray(0, length)
        const kept = bytesToKeep(payload)
        expect(kept.equals(payload)).toBe(true)
        expect(kept.buffer.byteLength).toBeLessThanOrEqual(length / 0.9)
        expect(kept === payload).toBe(length >= 0.9 * (length + more))
      }),
    )
  })
})
