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
import { SqliteGaps } from './gaps.ts'
import type { Prepare, Transact } from './schema.ts'

/** Stored requests that are checked in one turn, at most. */
const DUE_RANGES_MAX = 1_000

/** The fleet view in `received.db`, over any connection to it: the sink's own, or that of a command. */
export class SqliteFleet implements Fleet {
  readonly #transact: Transact
  readonly #gaps: SqliteGaps
  readonly #statements

  constructor(prepare: Prepare, transact: Transact) {
    this.#transact = transact
    this.#gaps = new SqliteGaps(prepare)
    this.#statements = statementsOf(prepare)
  }

  note(notes: readonly EdgeNote[]): void {
    this.#transact(() => {
      for (const { edge, state, seenAt = null, report, clockOffsetMs = null } of notes) {
        this.#statements.note.run(edge, state, seenAt, clockOffsetMs, edge, EDGES_MAX)
        if (report === undefined) continue
        const { version, at, upMs, healthy, problems, epoch, lastSeq, waiting, oldestAt } = report
        const columns = [version, at, upMs, healthy === undefined ? undefined : Number(healthy), epoch, lastSeq]
        const values = [...columns, waiting, oldestAt].map((value) => value ?? null)
        this.#statements.report.run(...values, JSON.stringify(problems), edge)
      }
    })
  }

  edges(): EdgeView[] {
    return this.#statements.edges.all().map(viewOf)
  }

  gaps(question: GapQuestion): Promise<Gap[]> {
    return this.#gaps.list(question)
  }

  request(gaps: readonly Pick<Gap, 'edge' | 'epoch' | 'first' | 'last'>[], at: number): number {
    return this.#transact(() => {
      const before = this.#requestCount()
      let room = REQUESTS_MAX - before
      for (const { edge, epoch, first, last } of gaps) {
        if (room <= 0) break
        if (this.#statements.noted.get(edge, epoch, first, last) !== undefined) continue
        this.#statements.request.run(edge, epoch, first, last, at, at)
        room--
      }
      return this.#requestCount() - before
    })
  }

  #requestCount(): number {
    return Number(this.#statements.requestCount.get()![0])
  }

  due(at: number): DueRequest[] {
    if (this.#statements.anyDue.get(at) === undefined) return []
    return this.#transact(() => {
      const requests = new Map<string, { edge: string; epoch: string; ranges: SeqSet }>()
      for (const [edge, epoch, first, last, times] of this.#statements.due.all(at, DUE_RANGES_MAX)) {
        const of = { edge: String(edge), epoch: String(epoch), first: Number(first) }
        const request = requests.get(of.edge) ?? { edge: of.edge, epoch: of.epoch, ranges: new SeqSet() }
        const room = REQUEST_RANGES_MAX - request.ranges.size
        if (request.epoch !== of.epoch || room === 0) continue // in a later turn
        const missing = this.#gaps.missing(of.edge, of.epoch, { first: of.first, last: Number(last) }, room)
        if (missing.length === 0) {
          this.#statements.filled.run(of.edge, of.epoch, of.first)
          continue
        }
        const asked = Number(times) + 1
        this.#statements.asked.run(at, asked, at + repeatMs(asked), of.edge, of.epoch, of.first)
        for (const range of missing) request.ranges.add(range)
        requests.set(of.edge, request)
      }
      return [...requests.values()].map((request) => ({ ...request, ranges: [...request.ranges] }))
    })
  }
}

function statementsOf(prepare: Prepare) {
  return {
    note: prepare(
      `INSERT INTO edges (edge, state, seen_at, clock_offset_ms)
       SELECT ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM edges WHERE edge = ?) OR (SELECT count(*) FROM edges) < ?
       ON CONFLICT DO UPDATE SET state = excluded.state, seen_at = coalesce(excluded.seen_at, seen_at),
         clock_offset_ms = coalesce(excluded.clock_offset_ms, clock_offset_ms)`,
    ),
    report: prepare(
      `UPDATE edges SET version = ?, reported_at = ?, up_ms = ?, healthy = ?, epoch = ?, last_seq = ?, waiting = ?,
         oldest_at = ?, problems = ? WHERE edge = ?`,
    ),
    edges: prepare(
      `SELECT name, state, seen_at, version, reported_at, up_ms, healthy, problems, edges.epoch, last_seq, waiting,
         oldest_at, clock_offset_ms, coalesce(readings, 0), stored_at
       FROM (SELECT edge AS name FROM edges UNION SELECT edge FROM logs)
       LEFT JOIN edges ON edges.edge = name
       LEFT JOIN (SELECT edge, sum(readings) AS readings, max(stored_at) AS stored_at FROM logs GROUP BY edge) AS stored
         ON stored.edge = name
       ORDER BY name`,
    ),
    requestCount: prepare('SELECT count(*) FROM requests'),
    request: prepare(
      `INSERT INTO requests (edge, epoch, first, last, noted_at, next_at)
       VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET last = max(last, excluded.last)`,
    ),
    noted: prepare(
      `SELECT 1 FROM (SELECT last FROM requests WHERE edge = ? AND epoch = ? AND first <= ? ORDER BY first DESC LIMIT 1)
       WHERE last >= ?`,
    ),
    anyDue: prepare('SELECT 1 FROM requests WHERE next_at <= ? LIMIT 1'),
    due: prepare(
      `SELECT edge, requests.epoch, first, last, times FROM requests JOIN edges USING (edge)
       WHERE next_at <= ? AND state = 'online' ORDER BY edge, requests.epoch, first LIMIT ?`,
    ),
    filled: prepare('DELETE FROM requests WHERE edge = ? AND epoch = ? AND first = ?'),
    asked: prepare(
      'UPDATE requests SET asked_at = ?, times = ?, next_at = ? WHERE edge = ? AND epoch = ? AND first = ?',
    ),
  }
}
