import { expect, it } from 'vitest'
import { compileTarget } from '../../../src/base/forwarding.ts'
import { MessageScheduler } from '../../../src/store-thread/delivery/message-scheduler.ts'
import { tempFolder } from '../../../support/folder.ts'
import { onStop } from '../../../support/started.ts'
import { openStore } from '../../store/stores.ts'

const NOW = 1_000
const BYTES_MAX = 1_000_000

interface Limits {
  readonly topicBytesMax?: number
  readonly topicLevelsMax?: number
}

/** A scheduler for messages with these topics. */
function schedulerFor(
  topics: readonly string[],
  { target = 'sites/{topic}', ...limits }: Limits & { target?: string },
) {
  const store = openStore(tempFolder())
  onStop(() => store.close())
  for (const topic of topics) {
    const message = { topic, target, uplinks: null, qos: 1, retain: false } as const
    store.write(() => store.delivery.forwards.add({ ...message, receivedAt: NOW, payload: Buffer.from('x') }))
  }
  const outbox = store.delivery.forwards.outbox('cloud')
  const names = { edge: 'site', prefix: 'tidegate', topicBytesMax: undefined, topicLevelsMax: undefined, ...limits }
  return { scheduler: new MessageScheduler(store, outbox, names), outbox }
}

/** Sends these messages. @returns the topics that left, and the number of parked messages */
function forward(topics: readonly string[], options: Limits & { target?: string } = {}) {
  const { scheduler, outbox } = schedulerFor(topics, options)
  const sent: string[] = []
  for (let next = scheduler.next(BYTES_MAX, NOW); next.kind === 'message'; next = scheduler.next(BYTES_MAX, NOW)) {
    sent.push(next.topic)
  }
  return { sent, parked: outbox.parked }
}

it('parks a message whose topic has more levels than the cloud broker accepts, and sends the next one', () => {
  const deep = 'a/b/c/d/e/f/g/h'
  expect(forward([deep, 'a'], { topicLevelsMax: 8 })).toEqual({ sent: ['sites/a'], parked: 1 })
  expect(forward([deep, 'a'])).toEqual({ sent: [`sites/${deep}`, 'sites/a'], parked: 0 })
  expect(forward(['x/'.repeat(100), 'a'])).toEqual({ sent: ['sites/a'], parked: 1 })
})

it('parks a message whose topic is longer than the cloud broker accepts, and sends the next one', () => {
  expect(forward(['x'.repeat(251), 'a'], { topicBytesMax: 256 })).toEqual({ sent: ['sites/a'], parked: 1 })
})

it('parks a message to a topic of the uplink itself, and sends those beside it', () => {
  const own = ['up/live', 'down/receipt', 'status']
  const others = ['upper/live', 'config/pump/head']
  const result = forward([...own, ...others], { target: 'tidegate/site/{topic}' })
  expect(result).toEqual({ sent: others.map((topic) => `tidegate/site/${topic}`), parked: own.length })
})

it('parks a bounded number of messages in one call, and continues with the next', () => {
  const topics = [...Array.from({ length: 100 }, (_, i) => `long/${i}`.padEnd(30, 'x')), 'a']
  const { scheduler, outbox } = schedulerFor(topics, { topicBytesMax: 20 })
  expect(scheduler.next(BYTES_MAX, NOW)).toEqual({ kind: 'wait', ms: 0 })
  expect(outbox.parked).toBe(64)
  expect(scheduler.next(BYTES_MAX, NOW)).toMatchObject({ kind: 'message', topic: 'sites/a' })
  expect(outbox.parked).toBe(100)
})

it('removes what stands before the # of a filter with {rest}, and parks what leaves no topic or a $ topic', () => {
  const target = compileTarget('{rest}', 'local/+/#')
  const result = forward(['local/a/door/1', 'local/a', 'local/a/$SYS/x', 'local/b/{edge}'], { target })
  expect(result).toEqual({ sent: ['door/1', '{edge}'], parked: 2 })
  expect(forward(['local/a/b'], { target: compileTarget('sites/{edge}/{rest}', 'local/#') }).sent).toEqual([
    'sites/site/a/b',
  ])
})
