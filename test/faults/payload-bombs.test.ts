import { describe, expect, it } from 'vitest'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { SiteEdge } from '../../support/site.ts'
import { until } from '../../support/wait.ts'

const PACKET_BYTES_MAX = 2_097_152
/** Time in which the edge must answer a PINGREQ before it can acknowledge a bomb. */
const COMMIT_DELAY_MS = 100
const MIB = 1_048_576

const bytes = (...values: number[]): Buffer => Buffer.from(values)
const repeated = (item: string | Buffer, count: number): Buffer =>
  Buffer.concat(Array.from({ length: count }, () => Buffer.from(item)))

/** Pseudo-random bytes, the same in each run (xorshift32). */
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

/** None of them is a valid reading, and some hold far too many values. CBOR heads are those of RFC 8949 §3. */
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

describe('payloads made to do harm', () => {
  it('are acknowledged and kept as rejects; another client is answered before that, and the edge stays healthy', async () => {
    const edge = await SiteEdge.create({
      broker: { packetBytesMax: PACKET_BYTES_MAX },
      ingest: { commitDelayMs: COMMIT_DELAY_MS },
    })
    await edge.start()
    const other = await RawClient.connect(edge.port, 'other')
    const client = await RawClient.connect(edge.port, 'bomber')
    const answers: string[] = []
    for (const one of [other, client]) one.onPacket = ({ cmd }) => answers.push(cmd)
    for (const [i, [name, payload]] of BOMBS.entries()) {
      answers.length = 0
      client.send(publishPacket('telemetry/bomber', payload, { qos: 1, messageId: i + 1 }))
      await Promise.all([other.ping(), client.next('puback')])
      expect(answers, name).toEqual(['pingresp', 'puback'])
    }
    const reasons = edge.read((reader) => reader.rejects(BOMBS.length + 1))
    expect(reasons.length).toBe(BOMBS.length)
    expect(edge.stored()).toBe(0)

    client.publish('telemetry/bomber', repeated('x', PACKET_BYTES_MAX), { qos: 1, messageId: 999 })
    await until(() => client.closed, { what: 'a packet above the limit closes the connection' })
    expect(client.count('puback')).toBe(0)

    other.publish('telemetry/other/n', '1', { qos: 1, messageId: 1 })
    await other.next('puback')
    expect(edge.stored()).toBe(1)
    expect(await edge.status()).toMatchObject({ healthy: true, problems: [] })
    expect(edge.ledgerProblems()).toEqual([])
    expect(await edge.stop()).toBe(0)
  })
})
