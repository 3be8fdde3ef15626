import fc from 'fast-check'
import mqttPacket from 'mqtt-packet'
import { describe, expect, it } from 'vitest'
import { type Frame, type PlainPublish, readFrame, readPlainPublish } from '../../src/broker/framing.ts'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { until } from '../../support/wait.ts'
import { startBroker } from './brokers.ts'

const frame: Frame = { start: 0, body: 0, end: 0 }
const publish: PlainPublish = { topic: '', qos: 0, dup: false, messageId: 0, payload: Buffer.alloc(0) }

describe('the socket reader', () => {
  const topic = fc
    .string({ minLength: 1, maxLength: 50 })
    .map((text) => `t${text.replace(/[+#\0]/g, '')}`.toWellFormed())
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.constantFrom(127, 128, 16_383, 16_384, 100_000).map((size) => new Uint8Array(size)),
  )

  it('reads a plain PUBLISH as the library wrote it, whatever comes before and after it', () => {
    const any = fc.record({
      topic,
      payload,
      qos: fc.constantFrom(0, 1),
      dup: fc.boolean(),
      messageId: fc.integer({ min: 1, max: 65_535 }),
    })
    fc.assert(
      fc.property(any, fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ maxLength: 20 }), (sent, before, after) => {
        const dup = sent.qos === 1 && sent.dup
        const packet = mqttPacket.generate(
          publishPacket(sent.topic, Buffer.from(sent.payload), { ...sent, qos: sent.qos as 0 | 1, dup }),
        )
        const bytes = Buffer.concat([before, packet, after])
        expect(readFrame(bytes, before.length, frame)).toBe('frame')
        expect(frame.end).toBe(before.length + packet.length)
        expect(readPlainPublish(bytes, frame, publish)).toBe(true)
        expect(publish).toMatchObject({ topic: sent.topic, qos: sent.qos, dup })
        expect(publish.messageId).toBe(sent.qos === 1 ? sent.messageId : 0)
        expect(Buffer.compare(publish.payload, sent.payload)).toBe(0)
      }),
    )
  })

  it('reports a truncated header as short and a length of five bytes as malformed, and never throws', () => {
    expect(readFrame(Buffer.from([0x30]), 0, frame)).toBe('short')
    expect(readFrame(Buffer.from([0x30, 0x80, 0x80]), 0, frame)).toBe('short')
    expect(readFrame(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 0x01]), 0, frame)).toBe('malformed')
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
        if (readFrame(bytes, 0, frame) === 'frame' && frame.end <= bytes.length) {
          readPlainPublish(Buffer.from(bytes), frame, publish)
        }
      }),
    )
  })

  it.each([
    ['retained', { qos: 1, messageId: 1, retain: true }],
    ['QoS 2', { qos: 2, messageId: 1 }],
  ] as const)('does not read a %s PUBLISH as plain', (_name, options) => {
    const bytes = mqttPacket.generate(publishPacket('t', 'x', options))
    readFrame(bytes, 0, frame)
    expect(readPlainPublish(bytes, frame, publish)).toBe(false)
  })

  it('closes the connection for a PUBLISH whose topic is longer than the packet', async () => {
    const { intake, port } = await startBroker()
    const client = await RawClient.connect(port, 'a')
    client.sendBytes(Buffer.from([0x32, 0x04, 0x00, 0x50, 0x61, 0x62]))
    await until(() => client.closed)
    expect(intake.offered).toEqual([])
  })
})

describe('a stream of all kinds of packets', () => {
  const kinds = [
    (n: number) => publishPacket('telemetry/a/b', `${n}`, { qos: 1, messageId: n }),
    (n: number) => publishPacket('telemetry/a/b', `${n}`, { qos: 1, messageId: n, retain: true }),
    (n: number) => publishPacket('telemetry/wanted/b', `${n}`, { qos: 1, messageId: n }),
    (n: number) => publishPacket('telemetry/a/big', Buffer.alloc(100_000, `${n}`), { qos: 1, messageId: n }),
    (n: number) => publishPacket('chat/x', `${n}`, { qos: 1, messageId: n }),
  ]

  it('is read correctly however it is cut into segments: each publish once, in order and answered', async () => {
    const { intake, port } = await startBroker()
    const watcher = await RawClient.connect(port, 'watcher')
    await watcher.subscribe('telemetry/wanted/#', 0)
    const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })
    const choice = fc.array(fc.integer({ min: 0, max: kinds.length - 1 }), { minLength: 1, maxLength: 25 })
    await fc.assert(
      fc.asyncProperty(choice, cuts, async (chosen, places) => {
        intake.offered.length = 0
        const client = await RawClient.connect(port, 'publisher')
        const packets = chosen.map((kind, i) => kinds[kind]!(i + 1))
        const stream = Buffer.concat(packets.map((packet) => mqttPacket.generate(packet)))
        const at = [0, ...places.map((place) => Math.floor(place * stream.length)), stream.length].toSorted(
          (a, b) => a - b,
        )
        for (let i = 1; i < at.length; i++) {
          client.sendBytes(stream.subarray(at[i - 1], at[i]))
          await watcher.ping()
        }
        const readings = chosen.flatMap((kind, i) => (kind === 4 ? [] : [i + 1]))
        await until(() => {
          intake.settle()
          return client.count('puback') === chosen.length
        })
        expect(
          intake.offered.map(({ payload }) => Number.parseInt(payload.subarray(0, 2).toString(), 10) % 100),
        ).toEqual(readings.map((n) => (chosen[n - 1] === 3 ? Number(`${n}${n}`.slice(0, 2)) : n)))
        client.destroy()
      }),
      { numRuns: 30 },
    )
  }, 60_000)

  it('leaves no bytes in memory that the intake has copied, and all that Aedes has', async () => {
    const { intake, port } = await startBroker()
    const seen: Uint8Array[] = []
    const offer = intake.offer.bind(intake)
    intake.offer = (publish, ...others) => {
      seen.push(publish.payload)
      offer(publish, ...others)
    }
    const client = await RawClient.connect(port, 'a')
    for (const [at, retain] of [false, true].entries()) {
      client.publish('telemetry/a/b', Buffer.alloc(200_000, 'x'), { qos: 1, messageId: at + 1, retain })
      await until(() => seen.length > at)
      intake.settle()
      await client.next('puback')
    }
    expect(seen.map(({ length }) => length)).toEqual([0, 200_000])
  })

  it('has its PINGREQ answered while a commit runs', async () => {
    const { intake, port } = await startBroker()
    const client = await RawClient.connect(port, 'a')
    client.send(publishPacket('telemetry/a/b', '1', { qos: 1, messageId: 1 }), { cmd: 'pingreq' })
    await client.next('pingresp')
    expect(client.count('puback')).toBe(0)
    intake.settle()
    await client.next('puback')
  })
})
