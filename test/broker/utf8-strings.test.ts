import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RawClient } from '../../support/raw-client.ts'
import { sized } from '../../support/size.ts'
import { until } from '../../support/wait.ts'
import { startBroker } from './brokers.ts'

/** An MQTT string: two bytes of length, then the bytes. */
function string(bytes: Uint8Array | string): Buffer {
  const text = Buffer.from(bytes as string)
  return Buffer.concat([Uint8Array.of(text.length >> 8, text.length & 0xff), text])
}

function packet(header: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Uint8Array.of(header, (body.length & 0x7f) | 0x80, body.length >> 7), body])
}

const MESSAGE_ID = Uint8Array.of(0, 7)

function connectBytes(fields: { clientId?: Uint8Array; username?: Uint8Array; willTopic?: Uint8Array }): Buffer {
  const { clientId = Buffer.from('c'), username, willTopic } = fields
  const flags = 2 | (username === undefined ? 0 : 0x80) | (willTopic === undefined ? 0 : 4)
  const rest = [willTopic && [string(willTopic), string('gone')], username && [string(username)]]
  return packet(
    0x10,
    string('MQTT'),
    Uint8Array.of(4, flags, 0, 0),
    string(clientId),
    ...rest.flatMap((one) => one ?? []),
  )
}

/** Where a connected client sends a string, and the type of the packet that answers it. */
const PLACES = {
  'a topic with QoS 1': (bytes: Uint8Array) => packet(0x32, string(bytes), MESSAGE_ID, Buffer.from('1')),
  'a topic with QoS 2': (bytes: Uint8Array) => packet(0x34, string(bytes), MESSAGE_ID, Buffer.from('1')),
  'a topic of a retained message': (bytes: Uint8Array) => packet(0x33, string(bytes), MESSAGE_ID, Buffer.from('1')),
  'a topic filter': (bytes: Uint8Array) => packet(0x82, MESSAGE_ID, string(bytes), Uint8Array.of(0)),
  'a topic filter to unsubscribe': (bytes: Uint8Array) => packet(0xa2, MESSAGE_ID, string(bytes)),
} as const

const ANSWERS = ['puback', 'pubrec', 'suback', 'unsuback'] as const

/** Text, ill-formed UTF-8, and bytes between them; without signs that a topic must not have. */
const name = fc
  .oneof(
    fc.uint8Array({ minLength: 1, maxLength: 8 }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }).map((text) => new Uint8Array(Buffer.from(text))),
    fc
      .constantFrom(
        ...[
          [0xe9],
          [0xe8],
          [0xc0, 0x80],
          [0xed, 0xa0, 0x80],
          [0xf4, 0x90, 0x80, 0x80],
          [0xef, 0xbf, 0xbd],
          [0xef, 0xbb, 0xbf],
        ],
        ...[[0x61, 0], [0xc3], [0xc3, 0xa9], [0xf0, 0x9f, 0x98, 0x80], [0xe2, 0x82]],
      )
      .map((bytes) => Uint8Array.from(bytes)),
  )
  .filter((bytes) => !bytes.includes(0x23) && !bytes.includes(0x2b))

const isLegal = (bytes: Uint8Array): boolean => isUtf8(bytes) && !bytes.includes(0)

describe('a string in a packet', () => {
  it.each(Object.entries(PLACES))('is accepted as %s exactly if it is UTF-8 without U+0000', async (_place, build) => {
    const { broker, intake, port } = await startBroker()
    await fc.assert(
      fc.asyncProperty(name, async (bytes) => {
        const before = broker.stats().illFormed
        const client = await RawClient.connect(port, 'c')
        client.sendBytes(build(Buffer.concat([Buffer.from('telemetry/'), bytes, Buffer.from('/t')])))
        await until(() => {
          intake.settle()
          return client.closed || ANSWERS.some((cmd) => client.count(cmd) > 0)
        })
        expect(client.closed).toBe(!isLegal(bytes))
        expect(broker.stats().illFormed - before).toBe(isLegal(bytes) ? 0 : 1)
        client.destroy()
      }),
      { numRuns: sized(30, 300) },
    )
  })

  it.each(['clientId', 'username', 'willTopic'] as const)(
    'is accepted as %s exactly if it is UTF-8 without U+0000',
    async (field) => {
      const { broker, port } = await startBroker()
      await fc.assert(
        fc.asyncProperty(name, async (bytes) => {
          const before = broker.stats().illFormed
          const client = await RawClient.open(port)
          client.sendBytes(connectBytes({ [field]: Buffer.concat([Buffer.from('x'), bytes]) }))
          await until(() => client.closed || client.count('connack') > 0)
          expect(client.count('connack')).toBe(isLegal(bytes) ? 1 : 0)
          expect(broker.stats().illFormed - before).toBe(isLegal(bytes) ? 0 : 1)
          client.destroy()
        }),
        { numRuns: sized(30, 300) },
      )
    },
  )

  it('never makes one device of two names in Latin-1, also after the name that both would become', async () => {
    const { broker, intake, port } = await startBroker()
    const publish = async (device: Uint8Array): Promise<boolean> => {
      const client = await RawClient.connect(port, 'c')
      client.sendBytes(
        PLACES['a topic with QoS 1'](Buffer.concat([Buffer.from('telemetry/'), device, Buffer.from('/t')])),
      )
      await until(() => {
        intake.settle()
        return client.closed || client.count('puback') > 0
      })
      return !client.closed
    }
    expect(await publish(Buffer.from('K\ufffdhler'))).toBe(true)
    expect(await publish(Buffer.from('Kühler', 'latin1'))).toBe(false)
    expect(await publish(Buffer.from('Köhler', 'latin1'))).toBe(false)
    expect(await publish(Buffer.from('Kühler'))).toBe(true)
    expect(intake.offered.map(({ topic }) => topic)).toEqual(['telemetry/K\ufffdhler/t', 'telemetry/Kühler/t'])
    expect(broker.stats().illFormed).toBe(2)
  })

  it('is not limited in a payload', async () => {
    const { intake, port } = await startBroker()
    const client = await RawClient.connect(port, 'c')
    client.publish('telemetry/d/t', Buffer.from([0xff, 0, 0xc3]), { qos: 1, messageId: 1 })
    await until(() => {
      intake.settle()
      return client.count('puback') > 0
    })
    expect(intake.offered).toHaveLength(1)
  })
})
