import fc from 'fast-check'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { expect, it } from 'vitest'
import { PacketLengths } from '../../src/link/packet-lengths.ts'

const LIMIT = 1_000

function packet(payloadBytes: number): Buffer {
  const publish = { cmd: 'publish', topic: 't', payload: Buffer.alloc(payloadBytes), qos: 0, dup: false, retain: false }
  return mqttPacket.generate(publish as Packet)
}

/** The bytes in pieces of any size. */
function* pieces(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!
    yield bytes.subarray(at, at + size)
    at += size
  }
}

it('finds the first packet that is too large by its first bytes, however the stream is cut', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 8 })
  const payloads = fc.array(fc.oneof(fc.integer({ min: 0, max: 900 }), fc.integer({ min: 0, max: 70_000 })), {
    maxLength: 8,
  })
  fc.assert(
    fc.property(payloads, sizes, (all, cuts) => {
      const packets = all.map(packet)
      const first = packets.findIndex((bytes) => bytes.length > LIMIT + 3)
      const lengths = new PacketLengths(LIMIT)
      const found = [...pieces(Buffer.concat(packets), cuts)].map((piece) => lengths.take(piece)).find(Boolean)
      if (first < 0) expect(found).toBeUndefined()
      else expect(found).toBe(all[first]! + 3)
    }),
  )
})

it('needs five bytes of a packet of 256 MB', () => {
  const lengths = new PacketLengths(LIMIT)
  expect(lengths.take(Uint8Array.of(0x30, 0xff, 0xff, 0xff))).toBeUndefined()
  expect(lengths.take(Uint8Array.of(0x7f))).toBe(268_435_455)
})
