import { combine } from '../../base/flags.ts'
import { SeqSet } from '../../base/ranges.ts'
import type { Amendment, Quality, Seq, SeqRange, Verdict } from '../../base/reading.ts'
import type { Connection } from './connection.ts'
import { arrayOf } from './literals.ts'
import { type Birth, birthSql } from './schema.ts'

/**
 * The positions of a log that a transaction concerns, including their neighbours, because adjacent intervals are
 * merged.
 */
export interface Hull extends SeqRange {
  readonly log: number
}

/**
 * What is known of one log, as far as a transaction concerns it. It is read under the lock of the log's row and lives
 * as long as that lock: another receiver may have stored the same batch just before.
 */
export class PostgresKnownLog {
  readonly id: number
  /** Every position that was ever stored, within the hulls of the transaction. */
  readonly positions: SeqSet
  /** Verdicts that arrived before their readings. */
  readonly pending: Map<Seq, Verdict>
  /** Positions whose readings are buffered and not in the table yet. */
  readonly buffered = new SeqSet()
  readonly #before: ReadonlyMap<Seq, Seq>
  readonly #pendingBefore: ReadonlySet<Seq>
  readonly #judged = new Set<Seq>()
  #high: Seq
  #added = 0

  constructor(id: number, high: Seq, ranges: readonly SeqRange[], pending: Map<Seq, Verdict>) {
    this.id = id
    this.#high = high
    this.positions = new SeqSet(ranges)
    this.pending = pending
    this.#before = new Map([...this.positions].map(({ first, last }) => [first, last]))
    this.#pendingBefore = new Set(pending.keys())
  }

  /** The highest position that was ever stored. */
  get high(): Seq {
    return this.#high
  }

  /** Records that this transaction stores the readings of these positions: ascending ranges. */
  add(ranges: readonly SeqRange[]): void {
    this.positions.addAll(ranges)
    this.buffered.addAll(ranges)
    for (const range of ranges) {
      this.#high = Math.max(this.#high, range.last)
    }
  }

  /** Counts a reading that this transaction stores. */
  count(): void {
    this.#added++
  }

  /** Keeps a verdict until its reading arrives. */
  expect({ seq, quality, reasons }: Amendment): void {
    const before = this.pending.get(seq)
    this.pending.set(seq, before === undefined ? { quality, reasons } : combine(before, { quality, reasons }))
    this.#judged.add(seq)
  }

  /** The verdict that waits for this position, if any; it waits no longer. */
  arrive(seq: Seq): Verdict | undefined {
    const verdict = this.pending.get(seq)
    if (verdict !== undefined) this.pending.delete(seq)
    return verdict
  }

  /** The statements that write the positions; they contain only numbers that Tidegate made. */
  positionStatements(table: string): string[] {
    const after = new Map([...this.positions].map(({ first, last }) => [first, last]))
    const gone = [...this.#before.keys()].filter((first) => !after.has(first))
    const changed = [...after].filter(([first, last]) => this.#before.get(first) !== last)
    const rows = changed.map(([first, last]) => `(${this.id}, ${first}, ${last})`)
    return [
      ...(gone.length > 0 ? [`DELETE FROM ${table} WHERE log = ${this.id} AND first IN (${gone.join(', ')})`] : []),
      // An interval that only grows is updated in place, without changing an index.
      ...(rows.length > 0
        ? [`INSERT INTO ${table} VALUES ${rows.join(', ')} ON CONFLICT (log, first) DO UPDATE SET last = excluded.last`]
        : []),
    ]
  }

  /** The statements that write the number of new readings and their time (a literal). */
  countStatements(table: string, storedAt: string): string[] {
    if (this.#added === 0) return []
    return [`UPDATE ${table} SET readings = readings + ${this.#added}, stored_at = '${storedAt}' WHERE id = ${this.id}`]
  }

  /** The statements that write the waiting verdicts. */
  pendingStatements(table: string): string[] {
    const gone = [...this.#pendingBefore].filter((seq) => !this.pending.has(seq))
    const rows = [...this.#judged].flatMap((seq) => {
      const verdict = this.pending.get(seq)
      return verdict === undefined ? [] : [`(${this.id}, ${seq}, ${verdict.quality}, ${verdict.reasons})`]
    })
    return [
      ...(gone.length > 0 ? [`DELETE FROM ${table} WHERE log = ${this.id} AND seq IN (${gone.join(', ')})`] : []),
      ...(rows.length > 0
        ? [
            `INSERT INTO ${table} VALUES ${rows.join(', ')}
             ON CONFLICT (log, seq) DO UPDATE SET quality = excluded.quality, reasons = excluded.reasons`,
          ]
        : []),
    ]
  }
}

/** Quoted table names. */
export interface LogTables {
  readonly logs: string
  readonly positions: string
  readonly pending: string
  readonly migrations: string
}

/**
 * Begins a transaction that owns the logs of the hulls until its end: any other transaction that needs one of them
 * waits. Everyone takes the locks in the order of the ids, so no deadlock is possible. The logs are read after the
 * locks, by statements of their own that see what the previous owner has committed.
 * @throws Error if a log no longer exists, or the tables are not those whose ids are known
 */
export async function lockLogs(
  connection: Connection,
  tables: LogTables,
  hulls: readonly Hull[],
  birth: Birth,
): Promise<Map<number, PostgresKnownLog>> {
  const sorted = [...new Set(hulls.map(({ log }) => log))].sort((a, b) => a - b)
  const wanted = `'${arrayOf(sorted)}'::integer[]`
  const hull = `unnest('${arrayOf(hulls.map(({ log }) => log))}'::integer[],
      '${arrayOf(hulls.map(({ first }) => first))}'::bigint[], '${arrayOf(hulls.map(({ last }) => last))}'::bigint[])
    AS hull (log, low, high)`
  const [births, locked, highest, ranges, pending] = await connection.begin([
    birthSql(tables.migrations),
    `SELECT id FROM ${tables.logs} WHERE id = ANY (${wanted}) ORDER BY id FOR UPDATE`,
    `SELECT id, (SELECT last FROM ${tables.positions} WHERE log = id ORDER BY first DESC LIMIT 1)
     FROM unnest(${wanted}) AS id`,
    `SELECT hull.log, found.first, found.last FROM ${hull} CROSS JOIN LATERAL (
       SELECT first, last FROM ${tables.positions} p WHERE p.log = hull.log AND p.first <= hull.high AND p.first >=
         coalesce((SELECT max(q.first) FROM ${tables.positions} q WHERE q.log = hull.log AND q.first <= hull.low), hull.low)
     ) AS found`,
    `SELECT p.log, p.seq, p.quality, p.reasons FROM ${hull}
     JOIN ${tables.pending} p ON p.log = hull.log AND p.seq BETWEEN hull.low AND hull.high`,
  ])
  const isSame = births![0]?.[0] === birth && locked!.length === sorted.length
  if (!isSame) throw new Error('the tables were replaced since their ids were read')
  const rangesOf = Map.groupBy(ranges as [number, Seq, Seq][], ([log]) => log)
  const pendingOf = Map.groupBy(pending as [number, Seq, Quality, number][], ([log]) => log)
  const logs = (highest as [number, Seq | null][]).map(([id, high]) => {
    const itsRanges = (rangesOf.get(id) ?? []).map(([, first, last]) => ({ first, last }))
    const verdicts = (pendingOf.get(id) ?? []).map(([, seq, quality, reasons]): [Seq, Verdict] => [
      seq,
      { quality, reasons },
    ])
    return new PostgresKnownLog(id, high ?? 0, itsRanges, new Map(verdicts))
  })
  return new Map(logs.map((log) => [log.id, log]))
}
