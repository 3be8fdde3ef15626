import { LoopShare } from '../../base/loop/loop-share.ts'
import type { Seq, SeqRange } from '../../base/reading.ts'
import type { Gap, GapQuestion } from '../fleet/fleet.ts'
import { SqlitePlaces } from './places.ts'
import type { Prepare, TableColumn } from './schema.ts'

/** An epoch of an edge, and up to which position its readings must exist. */
interface Log {
  /** Undefined: nothing of it was ever stored. */
  readonly id: number | undefined
  readonly edge: string
  readonly epoch: string
  /** The edge's first epoch: it began at position 1. */
  readonly isFirst: boolean
  readonly highest: number
  readonly lastSeq: number
  /** When the edge reported it (UTC milliseconds). */
  readonly saidAt: number | undefined
}

/** The gaps in `positions` of `received.db`. */
export class SqliteGaps {
  readonly #places: SqlitePlaces
  readonly #statements

  constructor(prepare: Prepare) {
    this.#places = new SqlitePlaces(prepare, new LoopShare())
    this.#statements = {
      logs: prepare(
        `SELECT logs.id, logs.edge, logs.epoch,
           NOT EXISTS (SELECT 1 FROM logs AS earlier WHERE earlier.edge = logs.edge AND earlier.id < logs.id),
           (SELECT last FROM positions WHERE log = logs.id ORDER BY first DESC LIMIT 1),
           iif(edges.epoch = logs.epoch, last_seq, NULL), seen_at
         FROM logs LEFT JOIN edges USING (edge) WHERE ? IS NULL OR logs.edge = ?
         UNION ALL
         SELECT NULL, edge, epoch, 1, NULL, last_seq, seen_at FROM edges
         WHERE epoch IS NOT NULL AND NOT EXISTS (SELECT 1 FROM logs WHERE logs.edge = edges.edge)
           AND (? IS NULL OR edge = ?)
         ORDER BY 2, 1`,
      ),
      between: prepare(
        `SELECT low, high FROM (
           SELECT lag(last, 1, iif(?, 0, first - 1)) OVER (ORDER BY first) + 1 AS low, first - 1 AS high
           FROM positions WHERE log = ?
         ) WHERE low <= high LIMIT ?`,
      ),
      arrival: prepare('SELECT received_at FROM reading WHERE series = ? AND ts = ? AND log = ? AND seq = ?'),
      asked: prepare(
        `SELECT coalesce(asked_at, 0) FROM (
           SELECT last, asked_at FROM requests WHERE edge = ? AND epoch = ? AND first <= ? ORDER BY first DESC LIMIT 1
         ) WHERE last >= ?`,
      ),
      idOf: prepare('SELECT id FROM logs WHERE edge = ? AND epoch = ?'),
      overlapping: prepare(
        `SELECT first, last FROM positions WHERE log = ? AND first <= ?
           AND first >= (SELECT coalesce(max(first), 0) FROM positions WHERE log = ? AND first <= ?)
         ORDER BY first LIMIT ?`,
      ),
    }
  }

  async list({ edge, limit }: GapQuestion): Promise<Gap[]> {
    const gaps: Gap[] = []
    const only = edge ?? null
    for (const row of this.#statements.logs.all(only, only, only, only)) {
      const log = logOf(row)
      if (gaps.length < limit) gaps.push(...(await this.#of(log, limit - gaps.length)))
    }
    return gaps
  }

  async #of(log: Log, limit: number): Promise<Gap[]> {
    const { id, edge, epoch, highest, lastSeq, saidAt } = log
    const rows = id === undefined ? [] : this.#statements.between.all(Number(log.isFirst), id, limit)
    const found: Pick<Gap, 'first' | 'last' | 'since'>[] = []
    for (const row of rows) {
      const [first, last] = [Number(row[0]), Number(row[1])]
      found.push({ first, last, since: await this.#arrivalOf(id!, last + 1) })
    }
    if (lastSeq > highest && found.length < limit) found.push({ first: highest + 1, last: lastSeq, since: saidAt })
    return found.map((gap): Gap => {
      const asked = this.#statements.asked.get(edge, epoch, gap.last, gap.first)
      return { edge, epoch, ...gap, askedAt: asked === undefined ? undefined : Number(asked[0]) }
    })
  }

  /** When the reading of this position arrived (UTC milliseconds); undefined: there is none. */
  async #arrivalOf(log: number, seq: Seq): Promise<number | undefined> {
    const place = await this.#places.find(log, seq)
    const row = place && this.#statements.arrival.get(place.series, place.ts, log, seq)
    return row && Number(row[0])
  }

  /** The first missing parts of the range, at most `limit`. */
  missing(edge: string, epoch: string, { first, last }: SeqRange, limit: number): SeqRange[] {
    const found = this.#statements.idOf.get(edge, epoch)
    if (found === undefined) return [{ first, last }]
    const id = Number(found[0])
    const parts: SeqRange[] = []
    let next = first
    for (const row of this.#statements.overlapping.all(id, last, id, first, limit + 2)) {
      const [from, to] = [Number(row[0]), Number(row[1])]
      if (from > next) parts.push({ first: next, last: from - 1 })
      next = Math.max(next, to + 1)
    }
    if (next <= last) parts.push({ first: next, last })
    return parts.slice(0, limit)
  }
}

function logOf([id, edge, epoch, isFirst, highest, lastSeq, saidAt]: readonly TableColumn[]): Log {
  return {
    id: id === null ? undefined : Number(id),
    edge: String(edge),
    epoch: String(epoch),
    isFirst: isFirst === 1,
    highest: Number(highest ?? 0),
    lastSeq: Number(lastSeq ?? 0),
    saidAt: saidAt === null ? undefined : Number(saidAt),
  }
}
