import { describe, expect, it } from 'vitest'
import { openReader } from '../../../../src/store/reader.ts'
import { tempFolder } from '../../../../support/folder.ts'
import { openStore } from '../../../store/stores.ts'
import { runHere } from '../../recorder.ts'

/** A closed store with messages of these topics. */
function storeWith(...topics: string[]): string {
  const folder = tempFolder()
  const store = openStore(folder)
  store.write(() => {
    for (const [i, topic] of topics.entries()) {
      const flags = { qos: 1, retain: false, dup: false } as const
      const payload = Buffer.from(i % 2 === 0 ? `{"n": ${i}}` : [0xff, i])
      store.intake.unrouted.add({ topic, client: 'plc', ...flags, receivedAt: 1_764_500_000_000 + i, payload })
    }
  })
  store.close()
  return folder
}

function orders(folder: string): unknown[] {
  const store = openStore(folder)
  const taken = store.write(() => store.orders.take(() => true))
  store.close()
  return taken
}

describe('tidegate unrouted', () => {
  it('lists messages by pattern with their last topic and payload, the largest group first', async () => {
    const folder = storeWith('b/x', 'a/pump10/t', 'a/pump11/t', 'a/pump12/t', 'a/pump13/t')
    const { code, stdout } = await runHere(['unrouted', 'list', '--data', folder])
    expect(code).toBe(0)
    const [, , first, second] = stdout.split('\n')
    expect(first).toMatch(/^a\/\+\/t +4 +20 +2025-11-30T10:53:20\.004Z +a\/pump13\/t +\{"n": 4\}$/)
    expect(second).toMatch(/^b\/x +1 +8 /)
    const limited = await runHere(['unrouted', 'list', '--data', folder, '--limit', '1'])
    expect(limited.stderr).toContain('1 more groups')
  })

  it('says so when there is none', async () => {
    const folder = storeWith()
    expect(await runHere(['unrouted', 'list', '--data', folder])).toMatchObject({ code: 0, stderr: '' })
    expect((await runHere(['unrouted', 'replay', '--data', folder])).code).toBe(0)
    expect(orders(folder)).toEqual([])
  })

  it('orders a replay or a removal of those that a filter covers and that are kept now', async () => {
    const folder = storeWith('b/x', 'a/1', 'a/2', 'b/y')
    expect((await runHere(['unrouted', 'replay', '--data', folder, '--topic', 'a/+'])).stdout).toContain('2 messages')
    expect((await runHere(['unrouted', 'drop', '--data', folder, '--all'])).stdout).toContain('4 messages')
    expect(orders(folder)).toEqual([
      { kind: 'unrouted', verb: 'replay', filter: 'a/+', after: 0, upTo: 3, done: 0 },
      { kind: 'unrouted', verb: 'drop', filter: '#', after: 0, upTo: 4, done: 0 },
    ])
  })

  it('refuses what is no topic filter, and a removal that does not say what is meant', async () => {
    const folder = storeWith('a/1')
    for (const args of [
      ['list', '--topic', 'a/#/b'],
      ['replay', '--topic', 'a+'],
      ['drop'],
      ['drop', '--all', '--topic', 'a/1'],
    ]) {
      expect((await runHere(['unrouted', ...args, '--data', folder])).code).toBe(64)
    }
    expect(orders(folder)).toEqual([])
  })

  it('is part of the ledger, which reports an account that does not balance', async () => {
    const folder = storeWith('a/1', 'a/2')
    const balanced = await runHere(['ledger', '--data', folder])
    expect(balanced.code).toBe(0)
    expect(balanced.stdout).toMatch(/without a route +2 +2 +0 +0 +0/)
    const store = openStore(folder)
    store.write(() => store.intake.unrouted.remove(1, 'discarded'))
    store.close()
    const reader = openReader(folder)
    expect(reader.unrouted()).toMatchObject({ stored: 2, waiting: 1, discarded: 1, problems: [] })
    reader.close()
  })
})
