import fc from 'fast-check'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LEVELS_MAX } from '../../src/base/topics.ts'
import { RawClient } from '../../support/raw-client.ts'
import { SiteEdge } from '../../support/site.ts'
import { until } from '../../support/wait.ts'

const ROUTES = [
  { topic: 'telemetry/{device}/{metric}' },
  { topic: 'N/{device}/{metric#}' },
  { topic: 'events/#', forward: true, to: 'sites/{edge}/{topic}' },
]
const UPLINK = { name: 'cloud', url: 'mqtt://127.0.0.1:9' }

function deep(levels: number, first: string): string {
  return [first, ...Array.from({ length: levels - 1 }, () => 'x')].join('/')
}

function connect(clientId: string, more: object = {}): Buffer {
  const packet = {
    cmd: 'connect',
    clientId,
    clean: true,
    keepalive: 0,
    protocolVersion: 4,
    protocolId: 'MQTT',
    ...more,
  }
  return mqttPacket.generate(packet as Packet)
}

function will(topic: string, more: object = {}): Buffer {
  return connect('will', { will: { topic, payload: Buffer.from('x'), qos: 1, retain: false, ...more } })
}

function publish(topic: string, more: object): Buffer {
  const packet = { cmd: 'publish', topic, payload: 'x', qos: 1, messageId: 1, retain: false, dup: false, ...more }
  return Buffer.concat([connect('publisher'), mqttPacket.generate(packet as Packet)])
}

/** A filter may be one that the library refuses to generate. */
function subscribe(filter: string, clean: boolean, packetType = 0x82): Buffer {
  const text = Buffer.from(filter)
  const body = Buffer.concat([Buffer.from([0, 1, text.length >> 8, text.length & 255]), text, Buffer.from([1])])
  const rest = packetType === 0x82 ? body : body.subarray(0, -1)
  const length = Buffer.from([(rest.length & 127) | 128, ((rest.length >> 7) & 127) | 128, rest.length >> 14])
  return Buffer.concat([connect('subscriber', { clean }), Buffer.from([packetType]), length, rest])
}

const DEPTHS = [LEVELS_MAX, LEVELS_MAX + 1, 100, 101, 1_000, 32_000]
const ATTACKS: readonly (readonly [what: string, bytes: Buffer])[] = [
  ...DEPTHS.flatMap((levels) => {
    const routed = ['telemetry', 'N', 'events', 'other'].map((first) => [first, deep(levels, first)] as const)
    return routed.flatMap(([first, topic]): [string, Buffer][] => [
      [`a will with ${levels} levels: ${first}`, will(topic)],
      [`a retained will with ${levels} levels: ${first}`, will(topic, { retain: true, qos: 0 })],
      [`QoS 0 with ${levels} levels: ${first}`, publish(topic, { qos: 0, messageId: undefined })],
      [`QoS 1 with ${levels} levels: ${first}`, publish(topic, {})],
      [`QoS 2 with ${levels} levels: ${first}`, publish(topic, { qos: 2 })],
      [`a retained message with ${levels} levels: ${first}`, publish(topic, { retain: true })],
    ])
  }),
  ...DEPTHS.flatMap((levels): [string, Buffer][] => [
    [`a filter with ${levels} levels`, subscribe(deep(levels, 'a'), true)],
    [`a filter with ${levels} levels and a lasting session`, subscribe(deep(levels, 'a'), false)],
    [`a filter with ${levels} levels and #`, subscribe(`${deep(levels - 1, 'a')}/#`, false)],
    [`a filter with ${levels} levels that is given up`, subscribe(deep(levels, 'a'), true, 0xa2)],
  ]),
  ...['#/#', '#/a/#', '+a', 'a#', '\0', '', '$SYS/#', '__proto__', 'constructor/#'].map((filter): [string, Buffer] => [
    `the filter ${JSON.stringify(filter)}`,
    subscribe(filter, false),
  ]),
  ...['__proto__', 'constructor', 'toString', 'x'.repeat(65_535), '\u202e'].map((id): [string, Buffer] => [
    `the client id ${JSON.stringify(id.slice(0, 20))}`,
    connect(id, { clean: false }),
  ]),
  ['two CONNECT', Buffer.concat([connect('a'), connect('a')])],
  ['a packet of type 0', Buffer.concat([connect('a'), Buffer.from([0, 0])])],
  ['a packet of type 15', Buffer.concat([connect('a'), Buffer.from([0xf0, 0])])],
  ['a CONNACK', Buffer.concat([connect('a'), Buffer.from([0x20, 2, 0, 0])])],
  ['a PUBACK without an id', Buffer.concat([connect('a'), Buffer.from([0x40, 0])])],
  ['a PUBREL of nothing', Buffer.concat([connect('a'), Buffer.from([0x62, 2, 0, 1])])],
  ['a SUBSCRIBE without a filter', Buffer.concat([connect('a'), Buffer.from([0x82, 2, 0, 1])])],
  ['a PUBLISH without a topic', Buffer.concat([connect('a'), Buffer.from([0x30, 0])])],
  ['a topic longer than its packet', Buffer.concat([connect('a'), Buffer.from([0x30, 3, 0xff, 0xff, 0x61])])],
  ['a length of five bytes', Buffer.concat([connect('a'), Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x7f])])],
  ['a request of HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')],
  ['a hello of TLS', Buffer.from('16030100050100000100', 'hex')],
]

describe('one packet of one client', () => {
  let edge: SiteEdge
  let honest: RawClient
  let sent = 0

  beforeAll(async () => {
    edge = await SiteEdge.create({ routes: ROUTES, uplinks: [UPLINK] })
    await edge.start()
    honest = await RawClient.connect(edge.port, 'honest')
  })
  afterAll(async () => {
    const { broker } = await edge.status()
    expect(broker.failures.count).toBe(0)
    expect(edge.ledgerProblems()).toEqual([])
    expect(await edge.stop()).toBe(0)
  })

  /** Sends bytes, and breaks the connection without a DISCONNECT: a will is due. */
  async function attack(bytes: Buffer): Promise<void> {
    const client = await RawClient.open(edge.port)
    client.sendBytes(bytes)
    await until(() => client.closed || client.unsentBytes === 0)
    await honestPublish()
    client.destroy()
    await honestPublish()
  }

  async function honestPublish(): Promise<void> {
    honest.publish('telemetry/honest/t', `${++sent}`, { qos: 1, messageId: (sent % 65_535) + 1 })
    await honest.next('puback')
  }

  it.each(ATTACKS)('costs others nothing: %s', (_what, bytes) => attack(bytes))

  it('costs others nothing, whatever its bytes are', async () => {
    const any = fc.uint8Array({ minLength: 1, maxLength: 300 })
    const type = fc.nat(255)
    await fc.assert(
      fc.asyncProperty(fc.boolean(), type, any, (isFirst, header, bytes) => {
        const packet = Buffer.concat([Buffer.from([header, bytes.length & 127]), bytes])
        return attack(isFirst ? packet : Buffer.concat([connect('any'), packet]))
      }),
      { numRuns: 100 },
    )
  })
})
