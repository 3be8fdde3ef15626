import type { SeqRange } from '../../base/reading.ts'
import type { Gap, GapQuestion } from '../fleet/fleet.ts'
import type { Connection } from './connection.ts'

/** An SQL expression for a time as UTC milliseconds. */
export function msOf(expression: string): string {
  return `(extract(epoch FROM ${expression}) * 1000)::bigint`
}

type LogRow = [
  ...[id: number | null, edge: string, epoch: string, isFirst: boolean],
  ...[highest: number | null, lastSeq: number | null, saidAt: number | null],
]

/** The gaps in `positions`, by edge, epoch and position: see `Fleet.gaps`. */
export async function gapsOf(connection: Connection, schema: string, { edge, limit }: GapQuestion): Promise<Gap[]> {
  const logs = await connection.rows<LogRow>(
    `SELECT logs.id, logs.edge, logs.epoch,
       NOT EXISTS (SELECT FROM ${schema}.logs AS earlier WHERE earlier.edge = logs.edge AND earlier.id < logs.id),
       (SELECT last FROM ${schema}.positions WHERE log = logs.id ORDER BY first DESC LIMIT 1),
       CASE WHEN reported.epoch = logs.epoch THEN last_seq END, ${msOf('seen_at')}
     FROM ${schema}.logs LEFT JOIN ${schema}.edges AS reported USING (edge) WHERE $1::text IS NULL OR logs.edge = $1
     UNION ALL
     SELECT NULL, edge, epoch, true, NULL, last_seq, ${msOf('seen_at')} FROM ${schema}.edges AS reported
     WHERE epoch IS NOT NULL AND NOT EXISTS (SELECT FROM ${schema}.logs WHERE logs.edge = reported.edge)
       AND ($1::text IS NULL OR edge = $1)`,
    [edge ?? null],
  )
  logs.sort(([idA, a], [idB, b]) => (a === b ? (idA ?? 0) - (idB ?? 0) : a < b ? -1 : 1))
  const gaps: Gap[] = []
  for (const log of logs) {
    if (gaps.length < limit) gaps.push(...(await gapsOfLog(connection, schema, log, limit - gaps.length)))
  }
  return gaps
}

async function gapsOfLog(connection: Connection, schema: string, row: LogRow, limit: number): Promise<Gap[]> {
  const [id, edge, epoch, isFirst, highest, lastSeq, saidAt] = row
  const rows =
    id === null
      ? []
      : await connection.rows<[first: number, last: number, since: number | null]>(
          `SELECT low, high, (SELECT ${msOf('min(received_at)')} FROM ${schema}.reading WHERE log = $1 AND seq = high + 1)
           FROM (
             SELECT lag(last, 1, CASE WHEN $2 THEN 0 ELSE first - 1 END) OVER (ORDER BY first) + 1 AS low,
               first - 1 AS high
             FROM ${schema}.positions WHERE log = $1
           ) AS between_them WHERE low <= high ORDER BY low LIMIT $3`,
          [id, isFirst, limit],
        )
  const found = rows.map(([first, last, since]) => ({ first, last, since: since ?? undefined }))
  const high = highest ?? 0
  if (lastSeq !== null && lastSeq > high && found.length < limit) {
    found.push({ first: high + 1, last: lastSeq, since: saidAt ?? undefined })
  }
  const gaps: Gap[] = []
  for (const gap of found) {
    gaps.push({ edge, epoch, ...gap, askedAt: await askedAt(connection, schema, { edge, epoch, ...gap }) })
  }
  return gaps
}

async function askedAt(
  connection: Connection,
  schema: string,
  { edge, epoch, first, last }: SeqRange & { edge: string; epoch: string },
): Promise<number | undefined> {
  const [row] = await connection.rows<[number]>(
    `SELECT coalesce(${msOf('asked_at')}, 0) FROM (
       SELECT last, asked_at FROM ${schema}.requests WHERE edge = $1 AND epoch = $2 AND first <= $3
       ORDER BY first DESC LIMIT 1
     ) AS nearest WHERE last >= $4`,
    [edge, epoch, last, first],
  )
  return row?.[0]
}

/** The first missing parts of the range, at most `limit`. */
export async function missingOf(
  connection: Connection,
  schema: string,
  { edge, epoch, first, last, limit }: SeqRange & { edge: string; epoch: string; limit: number },
): Promise<SeqRange[]> {
  const rows = await connection.rows<[first: number, last: number]>(
    `SELECT first, last FROM ${schema}.positions JOIN ${schema}.logs ON logs.id = log
     WHERE edge = $1 AND epoch = $2 AND first <= $4 AND last >= $3 ORDER BY first LIMIT $5`,
    [edge, epoch, first, last, limit + 2],
  )
  const parts: SeqRange[] = []
  let next = first
  for (const [from, to] of rows) {
    if (from > next) parts.push({ first: next, last: from - 1 })
    next = Math.max(next, to + 1)
  }
  if (next <= last) parts.push({ first: next, last })
  return parts.slice(0, limit)
}
