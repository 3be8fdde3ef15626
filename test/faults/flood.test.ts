import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { publishPacket, RawClient } from '../../support/raw-client.ts'
import { SiteEdge } from '../../support/site.ts'
import { until } from '../../support/wait.ts'

/** What the edge may take in all: V8, two threads, `pendingBytesMax`, and the batches on their way to the disk. */
const RSS_MIB_MAX = 350
/** Another device's publish is acknowledged by then, on a busy test machine. */
const SERVED_MS_MAX = 3_000
const SMALL_COUNT = 20_000
const BIG_COUNT = 400
const BIG_BYTES = 500_000
const PROBES = 10
/** Much less than a flood brings: no socket is read for a while. */
const PENDING_BYTES_MAX = 8_388_608
/** As on a slow disk: what the edge does not hold back piles up in its memory. */
const COMMIT_DELAY_MS = 200
const ANSWER = { 1: 'puback', 2: 'pubrec' } as const

function rssMib(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) / 1_024
}

/** Publishes as another device while the flood goes on. @returns the longest wait (ms) and the most memory (MiB) seen. */
async function probe(edge: SiteEdge, qos: 1 | 2): Promise<{ longestMs: number; mostMib: number }> {
  const client = await RawClient.connect(edge.port, 'probe')
  let [longestMs, mostMib] = [0, 0]
  for (let messageId = 1; messageId <= PROBES; messageId++) {
    const from = performance.now()
    client.publish('telemetry/probe/n', `${messageId}`, { qos, messageId })
    await client.next(ANSWER[qos])
    await client.ping()
    longestMs = Math.max(longestMs, performance.now() - from)
    mostMib = Math.max(mostMib, rssMib(edge.process.pid))
  }
  client.destroy()
  return { longestMs, mostMib }
}

const big = Buffer.alloc(BIG_BYTES, 'x')
const idOf = (i: number): number => (i % 65_535) + 1

/** Small readings, and texts too long to be readings, which are kept as rejects. */
const FLOODS = [
  { what: 'small readings', qos: 1, count: SMALL_COUNT, payload: (i: number) => `${i}` },
  { what: 'half-megabyte texts', qos: 1, count: BIG_COUNT, payload: () => big },
  { what: 'half-megabyte texts with QoS 2', qos: 2, count: BIG_COUNT, payload: () => big },
] as const

describe('a device that floods the edge and does not read its acknowledgements', () => {
  it.each(FLOODS)(
    '$what: others are served, memory stays bounded, and each is acknowledged in the end',
    async (flood) => {
      const { qos, count, payload } = flood
      const edge = await SiteEdge.create({
        broker: { pendingBytesMax: PENDING_BYTES_MAX },
        ingest: { commitDelayMs: COMMIT_DELAY_MS },
      })
      await edge.start()
      const client = await RawClient.connect(edge.port, 'flood')
      client.pauseReading()
      for (let i = 0; i < count; i++) {
        client.send(publishPacket('telemetry/flood/n', payload(i), { qos, messageId: idOf(i) }))
      }
      const { longestMs, mostMib } = await probe(edge, qos)
      expect(longestMs).toBeLessThan(SERVED_MS_MAX)
      expect(mostMib).toBeLessThan(RSS_MIB_MAX)

      client.resumeReading()
      await until(() => client.count(ANSWER[qos]) === count, { deadlineMs: 30_000, what: `${count} acknowledgements` })
      const account = edge.read((reader) => reader.ledger()).find(({ device }) => device === 'flood')
      expect(account).toMatchObject({ received: count, duplicate: 0 })
      expect(edge.ledgerProblems()).toEqual([])
      await client.ping()
      expect(await edge.stop()).toBe(0)
    },
    60_000,
  )
})
