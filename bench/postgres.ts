/**
 * How fast are batches stored in PostgreSQL, each commit synced? The sink of the receiver is compared with the two ways that
 * first come to mind, which reject repeats by a primary key: one row per INSERT, and many rows per INSERT … ON CONFLICT.
 * The same readings in the same commits, one server with the settings of its installation, in turns; medians.
 */
import type pg from 'pg'
import { PostgresSink } from '../src/receiver/postgres/postgres-sink.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { stopStarted } from '../support/started.ts'
import { readOptions, SERIES_OPTIONS, usage } from './support/options.ts'
import { batchesOf, EDGE, EPOCH, namesOf, type PlantBatch } from './support/plant-batches.ts'
import { figure, machine, machineLine, median, progress, table } from './support/report.ts'

/** Rows of one INSERT … ON CONFLICT, with nine values each; the protocol allows 65,535 values. */
const ROWS_PER_INSERT = 1_000

const { json, small, numbers, others } = readOptions(
  {
    runs: { full: 5, small: 1 },
    rows: { full: 1_000_000, small: 20_000 },
    'peer-rows': { full: 100_000, small: 4_000 },
    series: { full: 500, small: 20 },
  },
  { ...SERIES_OPTIONS, commits: { type: 'string' } },
)
const { runs, rows, 'peer-rows': peerRows, series: seriesCount } = numbers
const commits = (others.commits ?? (small ? '2000' : '20000,1000')).split(',').map(Number)
if (!commits.every((size) => Number.isInteger(size) && size > 0))
  usage(`--commits ${others.commits}: expected numbers N,N`)

interface Way {
  readonly name: string
  readonly rows: number
  /** Makes its tables, in the schema `bench`. */
  open(postgres: Postgres): Promise<{ store(batch: PlantBatch): Promise<void>; close(): Promise<void> }>
}

const PEER_TABLE = `CREATE SCHEMA bench; CREATE TABLE bench.reading (
  edge text, epoch text, seq bigint, device text, metric text, ts timestamptz, value double precision, quality smallint,
  reasons bigint, received_at timestamptz, PRIMARY KEY (edge, epoch, seq));
  CREATE INDEX ON bench.reading (device, metric, ts)`
const COLUMNS = 9
const NAMES = 'edge, epoch, seq, device, metric, ts, value, quality, reasons, received_at'

/** Rows for the peers, without the time of arrival, which the server adds. */
function rowsOf({ batch }: PlantBatch): unknown[][] {
  return batch.series.flatMap(({ device, metric, seq, ts, values: column, quality, reasons }) =>
    Array.from(seq, (one, i) => {
      return [EDGE, EPOCH, one, device, metric, new Date(ts[i]!), column[i], quality[i], reasons[i]]
    }),
  )
}

function insertSql(rows: number): string {
  const row = (r: number): string => Array.from({ length: COLUMNS }, (_, c) => `$${r * COLUMNS + c + 1}`).join(', ')
  const all = Array.from({ length: rows }, (_, r) => `(${row(r)}, now())`).join(', ')
  return `INSERT INTO bench.reading (${NAMES}) VALUES ${all} ON CONFLICT DO NOTHING`
}

async function openPeer(postgres: Postgres, rowsAtOnce: number) {
  await postgres.query(PEER_TABLE)
  const client: pg.Client = await postgres.connect()
  return {
    store: async (batch: PlantBatch): Promise<void> => {
      const rows = rowsOf(batch)
      await client.query('BEGIN')
      for (let at = 0; at < rows.length; at += rowsAtOnce) {
        const some = rows.slice(at, at + rowsAtOnce)
        // Prepared once, as a driver would.
        await client.query({ name: `insert-${some.length}`, text: insertSql(some.length), values: some.flat() })
      }
      await client.query('COMMIT')
    },
    close: () => client.end(),
  }
}

const WAYS: readonly Way[] = [
  {
    name: 'tidegate',
    rows,
    open: async ({ url }) => {
      const sink = PostgresSink.open(url, { schema: 'bench' })
      await sink.store([], Date.now())
      return {
        store: async ({ batch, receivedAt }) => void (await sink.store([{ kind: 'batch', batch }], receivedAt)),
        close: () => sink.close(),
      }
    },
  },
  {
    name: `${ROWS_PER_INSERT.toLocaleString('en-US')} rows per INSERT … ON CONFLICT`,
    rows: peerRows,
    open: (postgres) => openPeer(postgres, ROWS_PER_INSERT),
  },
  { name: 'one row per INSERT', rows: peerRows, open: (postgres) => openPeer(postgres, 1) },
]

interface Cost {
  readonly perSecond: number
  /** Bytes per reading. */
  readonly wal: number
  readonly onDisk: number
}

async function measure(postgres: Postgres, way: Way, perCommit: number): Promise<Cost> {
  await postgres.query('DROP SCHEMA IF EXISTS bench CASCADE')
  await postgres.query('CHECKPOINT')
  const batches = [...batchesOf(way.rows, perCommit, seriesCount)]
  const { store, close } = await way.open(postgres)
  const walBefore = await walOf(postgres)
  const start = performance.now()
  for (const batch of batches) await store(batch)
  const seconds = (performance.now() - start) / 1_000
  const wal = (await walOf(postgres)) - walBefore
  await close()
  await verify(postgres, way, batches)
  const [size] = await postgres.query<{ bytes: number }>(
    `SELECT sum(pg_total_relation_size(c.oid))::float8 AS bytes FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
     WHERE nspname = 'bench' AND relkind = 'r'`,
  )
  return { perSecond: way.rows / seconds, wal: wal / way.rows, onDisk: size!.bytes / way.rows }
}

async function walOf(postgres: Postgres): Promise<number> {
  const [row] = await postgres.query<{ at: number }>(`SELECT (pg_current_wal_lsn() - '0/0')::float8 AS at`)
  return row!.at
}

/** @throws Error when not every reading is in the table, each once. */
async function verify(postgres: Postgres, way: Way, batches: readonly PlantBatch[]): Promise<void> {
  const [row] = await postgres.query<{ rows: number; seqs: number; sum: number }>(
    'SELECT count(*)::float8 AS rows, count(DISTINCT seq)::float8 AS seqs, sum(value) AS sum FROM bench.reading',
  )
  const sum = batches.reduce((total, one) => total + one.sum, 0)
  if (row!.rows !== way.rows || row!.seqs !== way.rows || Math.abs(row!.sum / sum - 1) > 1e-9) {
    throw new Error(`${way.name}: found ${JSON.stringify(row)}, stored ${way.rows} readings, sum of values ${sum}`)
  }
}

function report(perCommit: number, costs: ReadonlyMap<Way, readonly Cost[]>): string {
  const of = (way: Way, pick: (cost: Cost) => number): number => median(costs.get(way)!.map(pick))
  const ours = of(WAYS[0]!, ({ perSecond }) => perSecond)
  const rows = WAYS.map((way) => {
    const all = costs.get(way)!.map(({ perSecond }) => perSecond)
    const perSecond = of(way, (cost) => cost.perSecond)
    return [
      way.name,
      figure(perSecond),
      `${figure(Math.min(...all))} to ${figure(Math.max(...all))}`,
      figure(ours / perSecond),
      figure(of(way, ({ wal }) => wal)),
      figure(of(way, ({ onDisk }) => onDisk)),
    ]
  })
  const title = `${perCommit.toLocaleString('en-US')} per commit`
  return table([title, 'readings/s', 'lowest to highest', 'ratio', 'WAL bytes', 'bytes on disk'], rows)
}

try {
  const postgres = await startPostgres({ durable: true })
  const [version] = await postgres.query<{ server_version: string }>('SHOW server_version')
  const results = []
  console.log(machineLine())
  for (const perCommit of commits) {
    const costs = new Map<Way, Cost[]>(WAYS.map((way) => [way, []]))
    for (let round = 0; round < runs; round++) {
      for (let turn = 0; turn < WAYS.length; turn++) {
        const way = WAYS[(round + turn) % WAYS.length]!
        const cost = await measure(postgres, way, perCommit)
        costs.get(way)!.push(cost)
        progress(`${way.name}: ${figure(cost.perSecond)} readings/s`)
      }
    }
    console.log(`\nPostgreSQL ${version!.server_version}, ${namesOf(seriesCount).length} series\n`)
    console.log(report(perCommit, costs))
    results.push({ perCommit, ways: WAYS.map((way) => ({ name: way.name, costs: costs.get(way) })) })
  }
  if (json) console.log(JSON.stringify({ bench: 'postgres', ...machine(), ...version, runs, results }))
} finally {
  await stopStarted()
}
