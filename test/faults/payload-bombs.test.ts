import { describe, expect, it } from 'vitest'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { SiteEdge } from '../../support/site.ts'
import { until } from '../../support/wait.ts'

const PACKET_BYTES_MAX = 2_097_152
/** A bomb is acknowledged by then, and meanwhile another client's PINGREQ answered, on a busy test machine. */
const ANSWER_MS_MAX = 3_000
const MIB = 1_048_576

const bytes = (...values: number[]): Buffer => Buffer.from(values)
const repeated = (item: string | Buffer, count: number): Buffer =>
  Buffer.concat(Array.from({ length: count }, () => Buffer.from(item)))

/** Bytes that look random, the same ones in each run (xorshift32). */
function noise(length: number): Buffer {
  let state = 0x9e3779b9
  return Buffer.from(
    Uint8Array.from({ length }, () => {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      return state
    }),
  )
}

/** Each of them is no reading, or far too many. CBOR heads by RFC 8949 §3. */
const BOMBS: readonly [string, Buffer][] = [
  ['JSON arrays nested 500,000 deep', repeated('[', 500_000)],
  ['JSON objects nested 100,000 deep', Buffer.concat([repeated('{"a":', 100_000), repeated('}', 100_000)])],
  ['a JSON array of 400,000 numbers', Buffer.concat([bytes(0x5b), repeated('1,', 400_000), Buffer.from('1]')])],
  [
    'a JSON object of 90,000 metrics',
    Buffer.from(`{${Array.from({ length: 90_000 }, (_, i) => `"m${i}":1`).join(',')}}`),
  ],
  ['a JSON text of 1 MiB', Buffer.from(JSON.stringify('x'.repeat(MIB)))],
  ['a plain text of 1 MiB', repeated('x', MIB)],
  ['a number of 1,000,000 digits', repeated('9', 1_000_000)],
  [
    'SenML with 100,000 records',
    Buffer.from(`[${Array.from({ length: 100_000 }, (_, i) => `{"n":"m","v":${i % 10}}`).join(',')}]`),
  ],
  ['CBOR arrays nested 1,000,000 deep', repeated(bytes(0x81), 1_000_000)],
  ['CBOR endless arrays nested 1,000,000 deep', repeated(bytes(0x9f), 1_000_000)],
  ['CBOR tags nested 1,000,000 deep', repeated(bytes(0xc1), 1_000_000)],
  ['a CBOR array that announces 2^53 items', bytes(0x9b, 0x00, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)],
  ['a CBOR map that announces 2^32 pairs', bytes(0xba, 0xff, 0xff, 0xff, 0xff)],
  ['a CBOR byte string that announces 4 GiB', bytes(0x5a, 0xff, 0xff, 0xff, 0xff, 0x00)],
  ['a CBOR bignum of 160,000 bytes', Buffer.concat([bytes(0xc2, 0x5a, 0x00, 0x02, 0x71, 0x00), noise(160_000)])],
  [
    'a CBOR packed table',
    Buffer.concat([bytes(0xd8, 0x71, 0x82), repeated(bytes(0x82), 60), repeated(bytes(0xe0), 64)]),
  ],
  [
    'CBOR of 1,000,000 small items',
    Buffer.concat([bytes(0x9a, 0x00, 0x0f, 0x42, 0x40), repeated(bytes(0x01), 1_000_000)]),
  ],
  ['random bytes', noise(MIB)],
]

async function within<T>(what: string, answer: Promise<T>): Promise<T> {
  const from = performance.now()
  const result = await answer
  expect(performance.now() - from, what).toBeLessThan(ANSWER_MS_MAX)
  return result
}

describe('payloads made to hurt', () => {
  it('each bomb is acknowledged and kept as a reject, others are answered meanwhile, and the edge stays well', async () => {
    const edge = await SiteEdge.create({ broker: { packetBytesMax: PACKET_BYTES_MAX } })
    await edge.start()
    const other = await RawClient.connect(edge.port, 'other')
    const client = await RawClient.connect(edge.port, 'bomber')
    for (const [i, [name, payload]] of BOMBS.entries()) {
      const pinged = within(`a PINGREQ during ${name}`, other.ping())
      client.send(publishPacket('telemetry/bomber', payload, { qos: 1, messageId: i + 1 }))
      await within(name, client.next('puback'))
      await pinged
    }
    const reasons = edge.read((reader) => reader.rejects(BOMBS.length + 1))
    expect(reasons.length).toBe(BOMBS.length)
    expect(edge.stored()).toBe(0)

    client.publish('telemetry/bomber', repeated('x', PACKET_BYTES_MAX), { qos: 1, messageId: 999 })
    await until(() => client.closed, { what: 'a packet above the limit closes the connection' })
    expect(client.count('puback')).toBe(0)

    other.publish('telemetry/other/n', '1', { qos: 1, messageId: 1 })
    await within('a reading after the bombs', other.next('puback'))
    expect(edge.stored()).toBe(1)
    expect(await edge.status()).toMatchObject({ healthy: true, problems: [] })
    expect(edge.ledgerProblems()).toEqual([])
    expect(await edge.stop()).toBe(0)
  })
})
