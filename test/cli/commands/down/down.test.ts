import { describe, expect, it } from 'vitest'
import { tempFolder } from '../../../../support/folder.ts'
import { openStore } from '../../../store/stores.ts'
import { runHere } from '../../recorder.ts'

const NOW = 1_764_500_000_000

/** A closed store with messages from the cloud for these local topics. */
function storeWith(...topics: string[]): string {
  const folder = tempFolder()
  const store = openStore(folder)
  store.write(() => {
    for (const [i, topic] of topics.entries()) {
      store.delivery.down.add({ topic, retain: false, payload: Buffer.from('on'), expiryS: 60 }, NOW + i)
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

describe('tidegate down', () => {
  it('lists waiting messages by topic with the time of the oldest, the topic with most messages first', async () => {
    const folder = storeWith('pump/2', 'pump/1', 'pump/1')
    const { code, stdout } = await runHere(['down', 'list', '--data', folder])
    expect(code).toBe(0)
    const [, , first, second] = stdout.split('\n')
    expect(first).toMatch(/^pump\/1 +2 +4 +2025-11-30T10:53:20\.001Z +2025-11-30T10:54:20\.001Z$/)
    expect(second).toMatch(/^pump\/2 +1 +2 /)
    const json = await runHere(['down', 'list', '--data', folder, '--topic', '+/2', '--json'])
    expect(JSON.parse(json.stdout)).toMatchObject([{ topic: 'pump/2', messages: 1, bytes: 2 }])
    expect((await runHere(['down', 'list', '--data', folder, '--limit', '1'])).stderr).toContain('1 more topics')
    expect((await runHere(['down', 'list', '--data', storeWith()])).stdout).toContain('no messages')
  })

  it('orders the removal of those that a filter covers and that wait now', async () => {
    const folder = storeWith('b/x', 'a/1', 'a/2', 'b/y')
    expect((await runHere(['down', 'drop', '--data', folder, '--topic', 'a/+'])).stdout).toContain('2 messages')
    expect((await runHere(['down', 'drop', '--data', folder, '--topic', 'c'])).stdout).toContain('no such messages')
    expect(orders(folder)).toEqual([{ kind: 'drop-down', filter: 'a/+', upTo: 3 }])
    expect((await runHere(['down', 'drop', '--data', folder])).code).toBe(64)
    expect((await runHere(['down', 'drop', '--data', folder, '--topic', 'a/#/b'])).code).toBe(64)
  })
})
