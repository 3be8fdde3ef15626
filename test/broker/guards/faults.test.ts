import { createServer } from 'node:net'
import { Readable } from 'node:stream'
import { Aedes } from 'aedes'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { beforeAll, describe, expect, it } from 'vitest'
import { silentLog } from '../../../src/base/log.ts'
import { AckWriter } from '../../../src/broker/ack-writer.ts'
import { FastPath } from '../../../src/broker/fast-path.ts'
import { Guard, guardHooks } from '../../../src/broker/guards/guard.ts'
import { Takeovers } from '../../../src/broker/guards/takeovers.ts'
import { BrokerPersistence } from '../../../src/broker/persistence.ts'
import { TopicRules } from '../../../src/broker/rules.ts'
import { LocalSubscribers } from '../../../src/broker/sessions/local-subscribers.ts'
import { RetainedMessages } from '../../../src/broker/sessions/retained-messages.ts'
import { Sessions } from '../../../src/broker/sessions/sessions.ts'
import { ManualIntake } from '../../../support/manual-intake.ts'
import { freePort } from '../../../support/port.ts'
import { RawClient } from '../../../support/raw-client.ts'
import { onStop } from '../../../support/started.ts'
import { until } from '../../../support/wait.ts'
import { startBroker } from '../brokers.ts'

/** The member that throws now, and how often it has thrown. */
const fault = { member: '', thrown: 0 }

type Members = Record<string, (...args: unknown[]) => unknown>

/** Makes a member throw while `fault.member` names it. */
function makeBreakable(owner: object, ...names: string[]): void {
  const members = owner as Members
  for (const name of names) {
    const original = members[name]!
    members[name] = function broken(this: unknown, ...args: unknown[]) {
      if (fault.member !== name) return original.apply(this, args)
      fault.thrown++
      throw new Error(`injected into ${name}`)
    }
  }
}

const PERSISTENCE = [
  'storeRetainedOf',
  'createRetainedStreamCombi',
  'addSubscriptions',
  'removeSubscriptions',
  'cleanSubscriptions',
  'subscriptionsByClient',
  'subscriptionsByTopic',
  'outgoingEnqueueCombi',
  'outgoingUpdate',
  'outgoingClearMessageId',
  'outgoingStream',
  'incomingGetPacket',
  'incomingStorePacket',
  'incomingDelPacket',
  'cleanIncoming',
  'putWill',
  'delWill',
]
const EMITTER = ['on', 'emit', 'has']
const PARSER = ['_parseLength', '_parseString', '_parsePayload']
const INTAKE = ['keeps', 'delivers', 'offer', 'release', 'forget']
/** Called by hooks and handlers of the broker. */
const OWN = [
  [TopicRules.prototype, 'problem'],
  [TopicRules.prototype, 'certain'],
  [FastPath.prototype, 'take'],
  [AckWriter.prototype, 'add'],
  [AckWriter.prototype, 'flush'],
  [Takeovers.prototype, 'note'],
  [RetainedMessages.prototype, 'store'],
  [Sessions.prototype, 'subscribe'],
  [Sessions.prototype, 'enqueue'],
  [Sessions.prototype, 'leave'],
  [Sessions.prototype, 'wants'],
] as const

beforeAll(() => {
  makeBreakable(BrokerPersistence.prototype, ...PERSISTENCE)
  makeBreakable(LocalSubscribers.prototype, ...EMITTER)
  makeBreakable(Object.getPrototypeOf(mqttPacket.parser()) as object, ...PARSER)
  makeBreakable(ManualIntake.prototype, ...INTAKE)
  for (const [owner, name] of OWN) makeBreakable(owner, name)
})

const WILL = { topic: 'wills/x', payload: Buffer.from('gone'), qos: 1 as const, retain: false }

/** Everything that a client can do. Any step may find the connection closed. */
async function doEverything(port: number): Promise<void> {
  for (const clean of [false, true, false]) {
    const client = await RawClient.open(port)
    const connect = { cmd: 'connect', clientId: 'bad', clean, keepalive: 0, protocolVersion: 4, protocolId: 'MQTT' }
    client.onPacket = (packet) => {
      if (packet.cmd === 'publish' && packet.qos === 1)
        client.send({ cmd: 'puback', messageId: packet.messageId! } as Packet)
      if (packet.cmd === 'publish' && packet.qos === 2)
        client.send({ cmd: 'pubrec', messageId: packet.messageId! } as Packet)
      if (packet.cmd === 'pubrec') client.send({ cmd: 'pubrel', messageId: packet.messageId! } as Packet)
    }
    client.send({ ...connect, will: WILL } as Packet)
    const answered = (cmd: Packet['cmd'], count = 1): Promise<unknown> =>
      until(() => client.closed || client.count(cmd) >= count, { what: `a ${cmd} arrives or the connection closes` })
    await answered('connack')
    client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'plain/#', qos: 2 }] } as Packet)
    await answered('suback')
    client.publish('plain/q0', 'x', { qos: 0 })
    client.publish('plain/q1', 'x', { qos: 1, messageId: 2, retain: true })
    client.publish('plain/q2', 'x', { qos: 2, messageId: 3 })
    client.publish('telemetry/a/b', '1', { qos: 1, messageId: 4 })
    client.publish('telemetry/a/b', '1', { qos: 1, messageId: 5, retain: true })
    client.publish('telemetry/a/b', '1', { qos: 2, messageId: 6 })
    await answered('puback', 3)
    await answered('pubcomp', 2)
    client.send({ cmd: 'unsubscribe', messageId: 7, unsubscriptions: ['plain/#'] } as Packet)
    await answered('unsuback')
    client.onPacket = () => undefined
    client.publish('plain/q2', 'without PUBREL', { qos: 2, messageId: 8 })
    await answered('pubrec', 3)
    if (clean && !client.closed) {
      const second = await RawClient.open(port)
      second.send({ ...connect } as Packet)
      await until(() => client.closed || second.closed, { what: 'one takes over the client id of the other' })
      second.destroy()
    }
    client.destroy()
  }
}

/** An intake that settles in the next turn of the event loop, and always works for the honest client. */
async function startSettling() {
  const { broker, intake, port } = await startBroker()
  const timer = setInterval(() => intake.settle(), 2)
  onStop(() => clearInterval(timer))
  return { broker, port }
}

describe('an exception in the broker', () => {
  const members = [...PERSISTENCE, ...EMITTER, ...PARSER, ...INTAKE, ...OWN.map(([, name]) => name)]

  it.each(members)('ends at most the connection that caused it: %s', async (member) => {
    const { broker, port } = await startSettling()
    const honest = await RawClient.connect(port, 'honest')
    Object.assign(fault, { member, thrown: 0 })
    await doEverything(port)
    fault.member = ''
    expect(fault.thrown).toBeGreaterThan(0)
    honest.publish('telemetry/honest/t', '1', { qos: 1, messageId: 9 })
    await honest.next('puback')
    await honest.ping()
    const late = await RawClient.connect(port, 'late', { clean: false })
    expect(await late.subscribe('late/#', 1)).toEqual([1])
    honest.publish('late/x', 'y', { qos: 1, messageId: 10 })
    await late.next('publish')
    const answers = ['release', 'incomingGetPacket', 'incomingStorePacket', 'incomingDelPacket', 'outgoingUpdate']
    if (!answers.includes(member)) expect(broker.stats().failures.count).toBeGreaterThan(0)
  })
})

describe('a hook that throws', () => {
  const HOOKS = ['preConnect', 'authenticate', 'authorizePublish', 'authorizeSubscribe', 'authorizeForward'] as const
  const granting: Parameters<typeof guardHooks>[1] = {
    preConnect: (_client, _packet, callback) => callback(null, true),
    authenticate: (_client, _username, _password, callback) => callback(null, true),
    authorizePublish: (_client, _packet, callback) => callback(null),
    authorizeSubscribe: (_client, subscription, callback) => callback(null, subscription),
    authorizeForward: (_client, packet) => packet,
  }

  it.each(HOOKS)('is counted, and the broker goes on: %s', async (hook) => {
    const guard = new Guard(silentLog)
    let isBroken = false
    const original = granting[hook] as (...args: unknown[]) => unknown
    const breakable = (...args: unknown[]): unknown => {
      if (isBroken) throw new Error('injected')
      return original(...args)
    }
    const aedes = await Aedes.createBroker(guardHooks(guard, { ...granting, [hook]: breakable }))
    onStop(() => new Promise<void>((resolve) => aedes.close(resolve)))
    const port = await freePort()
    const server = createServer((socket) => void aedes.handle(socket))
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    onStop(() => void server.close())
    isBroken = true
    await doEverything(port)
    isBroken = false
    expect(guard.failures).toBeGreaterThan(0)
    expect(guard.lastPlace).toBe(hook)
    const late = await RawClient.connect(port, 'late')
    expect(await late.subscribe('late/#', 1)).toEqual([1])
    late.publish('late/x', 'y', { qos: 1, messageId: 10 })
    await late.next('publish')
  })
})

describe('a stream of the persistence that fails', () => {
  it('ends without an end of the process', async () => {
    const members = BrokerPersistence.prototype as unknown as Members
    const original = members.createRetainedStreamCombi!
    members.createRetainedStreamCombi = () =>
      new Readable({
        objectMode: true,
        read() {
          this.destroy(new Error('injected'))
        },
      })
    const { broker, port } = await startSettling()
    members.createRetainedStreamCombi = original
    const client = await RawClient.connect(port, 'a')
    await client.subscribe('a/#', 1)
    await until(() => broker.stats().failures.count === 1)
    await client.ping()
  })
})
