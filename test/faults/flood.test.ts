import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { pause } from '../../src/base/clock.ts'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { SiteEdge } from '../../support/site.ts'
import { sized } from '../../support/size.ts'
import { until } from '../../support/wait.ts'

/** Limit for the whole process: V8, two threads, `pendingBytesMax`, and the batches that wait for the disk. */
const RSS_MIB_MAX = 350
const SMALL_COUNT = sized(10_000, 20_000)
const BIG_COUNT = 400
const BIG_BYTES = 500_000
/** The broker closes the connection of a client with more QoS 2 publishes than this that wait for their PUBREL. */
const UNRELEASED_MAX = 1_000
const PROBES = sized(3, 10)
/** Much less than the flood brings: for some time no socket is read. */
const PENDING_BYTES_MAX = 8_388_608
/** As on a slow disk: whatever the edge does not hold back accumulates in its memory. */
const COMMIT_DELAY_MS = 200
/** The flooding device lets at most about this much wait for the edge to read it. */
const UNSENT_BYTES_MAX = 2_097_152
const POLL_MS = 10
const ACKNOWLEDGEMENT = { 1: 'puback', 2: 'pubrec' } as const

function rssMib(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) / 1_024
}

/** Publishes as another device while the flood goes on. @returns the largest memory (MiB) of the edge. */
async function probe(edge: SiteEdge, qos: 1 | 2): Promise<number> {
  const client = await RawClient.connect(edge.port, 'probe')
  let mostMib = 0
  for (let messageId = 1; messageId <= PROBES; messageId++) {
    client.publish('telemetry/probe/n', `${messageId}`, { qos, messageId })
    await client.next(ACKNOWLEDGEMENT[qos])
    await client.ping()
    mostMib = Math.max(mostMib, rssMib(edge.process.pid))
  }
  client.destroy()
  return mostMib
}

/** Messages of the flood that the edge has stored, as readings or as rejects. */
function received(edge: SiteEdge): number {
  return edge.read((reader) => reader.ledger()).find(({ device }) => device === 'flood')?.received ?? 0
}

const big = Buffer.alloc(BIG_BYTES, 'x')
const idOf = (i: number): number => (i % 65_535) + 1

interface Flood {
  readonly what: string
  readonly qos: 1 | 2
  readonly countMin: number
  readonly countMax: number
  readonly perWrite: number
  readonly payload: (i: number) => string | Buffer
}

/** Small readings, and texts that are too long for a reading and are kept as rejects. */
const FLOODS: readonly Flood[] = [
  { what: 'small readings', qos: 1, countMin: SMALL_COUNT, countMax: Infinity, perWrite: 500, payload: (i) => `${i}` },
  { what: 'half-megabyte texts', qos: 1, countMin: BIG_COUNT, countMax: Infinity, perWrite: 1, payload: () => big },
  {
    what: 'half-megabyte texts with QoS 2',
    qos: 2,
    countMin: BIG_COUNT,
    countMax: UNRELEASED_MAX,
    perWrite: 1,
    payload: () => big,
  },
]

interface Pouring {
  readonly client: RawClient
  readonly flood: Flood
  readonly isOver: () => boolean
}

/**
 * Publishes `countMin` messages, and until `isOver` as many more as the edge stores, at most `countMax`: messages of the
 * flood wait in its socket all the time. @returns the number of messages.
 */
async function pour(edge: SiteEdge, { client, flood, isOver }: Pouring): Promise<number> {
  const { qos, countMin, countMax, perWrite, payload } = flood
  const packet = (i: number) => publishPacket('telemetry/flood/n', payload(i), { qos, messageId: idOf(i) })
  let sent = 0
  while (sent < countMin || (sent < countMax && !isOver())) {
    if (client.unsentBytes < UNSENT_BYTES_MAX && sent - received(edge) < countMin) {
      client.send(...Array.from({ length: perWrite }, (_, i) => packet(sent + i)))
      sent += perWrite
    } else await pause(POLL_MS)
  }
  return sent
}

describe('a device that floods the edge and does not read its acknowledgements', () => {
  it.each(FLOODS)(
    '$what: another device is served while the flood goes on, memory is bounded, and every message is acknowledged',
    async (flood) => {
      const { qos } = flood
      const edge = await SiteEdge.create({
        broker: { pendingBytesMax: PENDING_BYTES_MAX },
        ingest: { commitDelayMs: COMMIT_DELAY_MS },
      })
      await edge.start()
      const client = await RawClient.connect(edge.port, 'flood')
      client.pauseReading()
      let isProbed = false
      const poured = pour(edge, { client, flood, isOver: () => isProbed })
      const mostMib = await probe(edge, qos).finally(() => {
        isProbed = true
      })
      expect(mostMib).toBeLessThan(RSS_MIB_MAX)

      const count = await poured
      client.resumeReading()
      const acknowledged = (): boolean => client.count(ACKNOWLEDGEMENT[qos]) === count
      await until(acknowledged, { deadlineMs: 60_000, what: `${count} acknowledgements` })
      const account = edge.read((reader) => reader.ledger()).find(({ device }) => device === 'flood')
      expect(account).toMatchObject({ received: count, duplicate: 0 })
      expect(edge.ledgerProblems()).toEqual([])
      await client.ping()
      expect(await edge.stop()).toBe(0)
    },
    120_000,
  )
})
