import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { pause } from '../../src/base/clock.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { type Postgres, startPostgres } from '../../support/postgres.ts'
import { runTidegate } from '../../support/process.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { startDevice } from './device.ts'

/** TEST_POSTGRES_SECONDS=60 selects the long form: a kill every 5 s. */
const SECONDS = Number(process.env.TEST_POSTGRES_SECONDS ?? 4)
const KILL_EVERY_MS = SECONDS > 30 ? 5_000 : 1_200
const SEED = Number(process.env.TEST_SEED ?? Date.now() % 1_000_000)
const RECEIVERS = 3
const BACK_SOON = { backoffMinMs: 50, backoffMaxMs: 500 }
/** Readings of one device, after which the next device starts. */
const COUNT = 2_000

/** Numbers in [0, 1) determined by the seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Row {
  readonly device: string
  readonly seq: number
  readonly ts: number
  readonly value: number
}

interface SeriesSums {
  readonly count: number
  readonly sum: number
  readonly checksum: string
}

/** Sums over the readings of each series, in the order of their positions. */
function sumsOf(rows: readonly Row[]): Record<string, SeriesSums> {
  const sums = [...Map.groupBy(rows, ({ device }) => device)].map(([device, all]) => {
    const hash = createHash('sha256')
    for (const { seq, ts, value } of all.toSorted((a, b) => a.seq - b.seq)) hash.update(`${seq} ${ts} ${value}\n`)
    const sum = all.reduce((total, { value }) => total + value, 0)
    return [device, { count: all.length, sum, checksum: hash.digest('hex') }] as const
  })
  return Object.fromEntries(sums)
}

async function rowsAtEdge(edge: SiteEdge): Promise<Row[]> {
  const file = `${edge.folder}/all.ndjson`
  await runTidegate(['export', '--data', edge.folder, '--format', 'ndjson', '-o', file])
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return lines.map((line) => {
    const row = JSON.parse(line) as Row
    return { ...row, ts: new Date(row.ts).getTime() }
  })
}

function rowsIn(postgres: Postgres): Promise<Row[]> {
  return postgres.query<Row>(
    `SELECT device, seq::float8, (extract(epoch FROM ts) * 1000)::float8 AS ts, value FROM tidegate.readings`,
  )
}

/**
 * One receiver gets every batch, and the others share all batches: each batch arrives twice, at about the same time.
 */
function receiversFor(cloudUrl: string, sink: string): SiteReceiver[] {
  return Array.from({ length: RECEIVERS }, (_, i) => {
    const cloud = { url: cloudUrl, clientId: `receiver-${i}`, group: i === 0 ? 'alone' : 'shared', ...BACK_SOON }
    return new SiteReceiver(cloudUrl, { cloud, sink })
  })
}

describePeer('mosquitto', 'receivers that share one PostgreSQL, killed at random under load', () => {
  describePeer('postgres', 'receivers that share one PostgreSQL, killed at random under load', () => {
    it(
      `store every reading once (seed ${SEED}, ${SECONDS} s)`,
      async () => {
        const random = randomFrom(SEED)
        const [cloud, postgres] = await Promise.all([startMosquitto(), startPostgres({ durable: true })])
        const receivers = receiversFor(cloud.url, postgres.url)
        const uplink = { url: cloud.url, ...QUICK_UPLINK, batchReadingsMax: 200 }
        const edge = await SiteEdge.create({ uplinks: [uplink] })
        await Promise.all([edge.start(), ...receivers.map((receiver) => receiver.start())])

        const end = performance.now() + SECONDS * 1_000
        const load = async (): Promise<void> => {
          for (let i = 0; performance.now() < end; i++) {
            await startDevice({ port: edge.port, name: `pump-${i}`, qos: 1, count: COUNT, window: 20, timed: true })
              .finished
          }
        }
        const kills = async (): Promise<number> => {
          let count = 0
          while (performance.now() + KILL_EVERY_MS < end) {
            await pause(KILL_EVERY_MS * (0.5 + random()))
            const victim = receivers[Math.floor(random() * RECEIVERS)]!
            await victim.kill()
            await victim.start()
            count++
          }
          return count
        }
        const [, killed] = await Promise.all([load(), kills()])
        await edge.untilDrained(60_000)

        expect(killed).toBeGreaterThan(0)
        const [source, stored] = [await rowsAtEdge(edge), await rowsIn(postgres)]
        expect(stored.length).toBe(source.length)
        expect(stored.length).toBe(edge.stored())
        expect(sumsOf(stored)).toEqual(sumsOf(source))
        expect(edge.ledgerProblems()).toEqual([])
        for (const receiver of receivers) expect(await receiver.stop()).toBe(0)
        expect(await edge.stop()).toBe(0)
      },
      120_000 + SECONDS * 2_000,
    )
  })
})
