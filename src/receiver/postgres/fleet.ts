import { SeqSet } from '../../base/ranges.ts'
import { REQUEST_RANGES_MAX } from '../../codec/request.ts'
import {
  type DueRequest,
  EDGES_MAX,
  type EdgeNote,
  type EdgeView,
  type Fleet,
  type Gap,
  type GapQuestion,
  REQUESTS_MAX,
  repeatMs,
} from '../fleet/fleet.ts'
import { viewOf } from '../fleet/view.ts'
import type { Connection } from './connection.ts'
import { gapsOf, missingOf, msOf } from './gaps.ts'
import { timestamp } from './literals.ts'
import type { Transact } from './schema.ts'

/** Stored requests that are checked in one turn, at most. */
const DUE_RANGES_MAX = 1_000

type DueRow = [edge: string, epoch: string, first: number, last: number, times: number]

/** The fleet view in PostgreSQL, shared by the receivers of one schema. */
export class PostgresFleet implements Fleet {
  readonly #schema: string
  readonly #transact: Transact

  /** @param schema its quoted name */
  constructor(schema: string, transact: Transact) {
    this.#schema = schema
    this.#transact = transact
  }

  note(notes: readonly EdgeNote[]): Promise<void> {
    // Every receiver writes in the same order, so that no two deadlock.
    const sorted = notes.toSorted((a, b) => (a.edge < b.edge ? -1 : 1))
    return this.#transact(async (connection) => {
      for (const note of sorted) await this.#note(connection, note)
    })
  }

  async #note(connection: Connection, { edge, state, seenAt, report, clockOffsetMs }: EdgeNote): Promise<void> {
    const edges = `${this.#schema}.edges`
    await connection.rows(
      `INSERT INTO ${edges} (edge, state, seen_at, clock_offset_ms)
       SELECT $1::text, $2::text, $3::timestamptz, $4::bigint
       WHERE EXISTS (SELECT FROM ${edges} WHERE edge = $1) OR (SELECT count(*) FROM ${edges}) < $5::bigint
       ON CONFLICT (edge) DO UPDATE SET state = excluded.state, seen_at = coalesce(excluded.seen_at, edges.seen_at),
         clock_offset_ms = coalesce(excluded.clock_offset_ms, edges.clock_offset_ms)`,
      [edge, state, timeOf(seenAt), clockOffsetMs, EDGES_MAX],
    )
    if (report === undefined) return
    const { version, at, upMs, healthy, problems, epoch, lastSeq, waiting, oldestAt } = report
    const said = [version, timeOf(at), upMs, healthy, epoch, lastSeq, waiting, timeOf(oldestAt)]
    await connection.rows(
      `UPDATE ${edges} SET version = $2, reported_at = $3, up_ms = $4, healthy = $5, epoch = $6, last_seq = $7,
         waiting = $8, oldest_at = $9, problems = $10 WHERE edge = $1`,
      [edge, ...said, JSON.stringify(problems)],
    )
  }

  edges(): Promise<EdgeView[]> {
    const schema = this.#schema
    return this.#transact(async (connection) => {
      const rows = await connection.rows<(number | string | boolean | null)[]>(
        `SELECT name, state, ${msOf('seen_at')}, version, ${msOf('reported_at')}, up_ms, healthy, problems,
           reported.epoch, last_seq, waiting, ${msOf('oldest_at')}, clock_offset_ms,
           coalesce(readings, 0), ${msOf('stored_at')}
         FROM (SELECT edge AS name FROM ${schema}.edges UNION SELECT edge FROM ${schema}.logs) AS names
         LEFT JOIN ${schema}.edges AS reported ON reported.edge = name
         LEFT JOIN (
           SELECT edge, sum(readings)::bigint AS readings, max(stored_at) AS stored_at FROM ${schema}.logs GROUP BY edge
         ) AS stored ON stored.edge = name
         ORDER BY name COLLATE "C"`,
      )
      return rows.map(viewOf)
    })
  }

  gaps(question: GapQuestion): Promise<Gap[]> {
    return this.#transact((connection) => gapsOf(connection, this.#schema, question))
  }

  request(gaps: readonly Pick<Gap, 'edge' | 'epoch' | 'first' | 'last'>[], at: number): Promise<number> {
    return this.#transact(async (connection) => {
      const before = await this.#requestCount(connection)
      let room = REQUESTS_MAX - before
      for (const { edge, epoch, first, last } of gaps) {
        if (room <= 0) break
        const inserted = await connection.rows(
          `INSERT INTO ${this.#schema}.requests (edge, epoch, first, last, noted_at, next_at)
           SELECT $1::text, $2::text, $3::bigint, $4::bigint, $5::timestamptz, $5::timestamptz WHERE NOT EXISTS (
             SELECT FROM ${this.#schema}.requests WHERE edge = $1 AND epoch = $2 AND first <= $3 AND last >= $4)
           ON CONFLICT (edge, epoch, first) DO UPDATE SET last = greatest(requests.last, excluded.last)
           RETURNING 1`,
          [edge, epoch, first, last, timestamp(at)],
        )
        room -= inserted.length
      }
      return (await this.#requestCount(connection)) - before
    })
  }

  async #requestCount(connection: Connection): Promise<number> {
    const [row] = await connection.rows<[number]>(`SELECT count(*) FROM ${this.#schema}.requests`)
    return row![0]
  }

  due(at: number): Promise<DueRequest[]> {
    return this.#transact(async (connection) => {
      const requests = new Map<string, { edge: string; epoch: string; ranges: SeqSet }>()
      for (const row of await this.#dueRows(connection, at)) {
        const [edge, epoch] = row
        const request = requests.get(edge) ?? { edge, epoch, ranges: new SeqSet() }
        const room = REQUEST_RANGES_MAX - request.ranges.size
        if (request.epoch !== epoch || room === 0) continue // in a later turn
        const missing = await this.#claim(connection, row, { at, room })
        for (const range of missing) request.ranges.add(range)
        if (request.ranges.size > 0) requests.set(edge, request)
      }
      return [...requests.values()].map((request) => ({ ...request, ranges: [...request.ranges] }))
    })
  }

  /** Each receiver gets different rows. */
  #dueRows(connection: Connection, at: number): Promise<DueRow[]> {
    return connection.rows<DueRow>(
      `SELECT asked.edge, asked.epoch, first, last, times
       FROM ${this.#schema}.requests AS asked JOIN ${this.#schema}.edges AS reported USING (edge)
       WHERE next_at <= $1 AND state = 'online'
       ORDER BY asked.edge COLLATE "C", asked.epoch COLLATE "C", first LIMIT $2 FOR UPDATE OF asked SKIP LOCKED`,
      [timestamp(at), DUE_RANGES_MAX],
    )
  }

  /**
   * Returns the part of a request that is still missing and postpones the request; a request of which nothing is
   * missing is deleted.
   */
  async #claim(
    connection: Connection,
    [edge, epoch, first, last, times]: DueRow,
    { at, room }: { at: number; room: number },
  ): Promise<{ first: number; last: number }[]> {
    const missing = await missingOf(connection, this.#schema, { edge, epoch, first, last, limit: room })
    const which = 'edge = $1 AND epoch = $2 AND first = $3'
    if (missing.length === 0) {
      await connection.rows(`DELETE FROM ${this.#schema}.requests WHERE ${which}`, [edge, epoch, first])
    } else {
      await connection.rows(
        `UPDATE ${this.#schema}.requests SET asked_at = $4, times = $5, next_at = $6 WHERE ${which}`,
        [edge, epoch, first, timestamp(at), times + 1, timestamp(at + repeatMs(times + 1))],
      )
    }
    return missing
  }
}

function timeOf(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : timestamp(ms)
}
