import type { Database } from 'better-sqlite3'
import type { Seq, SeqRange } from '../../../base/reading.ts'
import { blockId, idsOf } from '../../sealed/blocks.ts'
import type { Seal } from '../../sealed/seals.ts'

/** Totals of the blocks of some parts. */
interface Sum extends SeqRange {
  readonly id: number
  readonly parts: number
  readonly readings: number
  readonly blocks: number
  readonly tsMin: number
  readonly tsMax: number
}

const SUM = `count(*) AS blocks, sum(readings) AS readings, min(seq_first) AS first, max(seq_last) AS last,
  min(ts_min) AS tsMin, max(ts_max) AS tsMax`

/**
 * Decides which of the salvaged blocks count, and removes the others. A known seal keeps those of its blocks that are
 * left. Blocks of a seal whose row is lost form a new seal if this cannot duplicate a reading: their positions must not
 * be in another seal or in the log.
 * @param known seals that were read; of two that overlap, the first one counts.
 * @param sealedUpTo undefined: unknown.
 * @returns all seals, in ascending position.
 */
export function reseal(database: Database, known: readonly Seal[], sealedUpTo: Seq | undefined, now: number): Seal[] {
  const sumOf = database.prepare(`SELECT ${SUM} FROM blocks WHERE id BETWEEN ? AND ?`)
  const removeOutside = database.prepare(
    'DELETE FROM blocks WHERE id BETWEEN ? AND ? AND (seq_first < ? OR seq_last > ?)',
  )
  const seals: Seal[] = []
  for (const seal of known) {
    if (!isSound(seal) || seals.some((one) => overlap(one, seal) || sharesParts(one, seal))) continue
    const ids = idsOf(seal)
    removeOutside.run(ids.first, ids.last, seal.first, seal.last)
    const { readings, blocks, tsMin, tsMax } = sumOf.get(ids.first, ids.last) as Sum
    if (blocks > 0) seals.push({ ...seal, readings, blocks, tsMin, tsMax })
  }
  const inLog = database.prepare('SELECT 1 FROM log WHERE seq BETWEEN ? AND ? LIMIT 1')
  const strays = strayParts(database, seals).filter(({ first, last }) => {
    if (seals.some((seal) => overlap(seal, { first, last }))) return false
    return sealedUpTo === undefined ? inLog.get(first, last) === undefined : last <= sealedUpTo
  })
  const rebuilt = new Set(choose(database, strays).map((sum) => asSeal(sum)))
  const all = [...seals, ...rebuilt].sort((a, b) => a.first - b.first)
  const dated = dateArrivals(all, rebuilt, now)
  writeSeals(database, dated)
  return dated
}

function isSound({ id, parts, first, last }: Seal): boolean {
  return id > 0 && parts > 0 && parts < 1_000_000 && first > 0 && first <= last
}

function overlap(a: SeqRange, b: SeqRange): boolean {
  return a.first <= b.last && b.first <= a.last
}

function sharesParts(a: Seal, b: Seal): boolean {
  return a.id < b.id + b.parts && b.id < a.id + a.parts
}

/** Totals of the parts that no seal owns, part by part. */
function strayParts(database: Database, seals: readonly Seal[]): Sum[] {
  const sql = `SELECT id / ${blockId(1, 0)} AS id, 1 AS parts, ${SUM} FROM blocks GROUP BY 1 ORDER BY 1`
  const owned = [...seals].sort((a, b) => a.id - b.id)
  let next = 0
  return (database.prepare(sql).all() as Sum[]).filter(({ id }) => {
    while (next < owned.length && owned[next]!.id + owned[next]!.parts <= id) next++
    return next === owned.length || id < owned[next]!.id
  })
}

/**
 * Joins parts that were one seal. Where the results still overlap (leftovers of merging), keeps the one with more
 * readings.
 */
function choose(database: Database, strays: readonly Sum[]): Sum[] {
  const candidates: Sum[] = []
  for (const part of strays) {
    const before = candidates.at(-1)
    const goesOn = before !== undefined && before.id + before.parts === part.id && overlap(before, part)
    if (goesOn && !sharesReadings(database, before, part)) candidates[candidates.length - 1] = join(before, part)
    else candidates.push(part)
  }
  const chosen = new Set<Sum>()
  for (const candidate of candidates) {
    const rivals = [...chosen].filter((one) => overlap(one, candidate))
    if (rivals.reduce((sum, { readings }) => sum + readings, 0) >= candidate.readings) continue
    for (const rival of rivals) chosen.delete(rival)
    chosen.add(candidate)
  }
  return [...chosen]
}

/** Whether two parts have readings of the same series at overlapping positions. */
function sharesReadings(database: Database, seal: Sum, { id: part }: Sum): boolean {
  const both = database.prepare(
    `SELECT 1 FROM blocks AS a JOIN blocks AS b ON b.id = a.id + ? WHERE a.id BETWEEN ? AND ?
     AND a.seq_first <= b.seq_last AND b.seq_first <= a.seq_last LIMIT 1`,
  )
  for (let other = seal.id; other < seal.id + seal.parts; other++) {
    const ids = idsOf({ id: other, parts: 1 })
    if (both.get(blockId(part - other, 0), ids.first, ids.last) !== undefined) return true
  }
  return false
}

function join(a: Sum, b: Sum): Sum {
  return {
    id: a.id,
    parts: a.parts + b.parts,
    first: Math.min(a.first, b.first),
    last: Math.max(a.last, b.last),
    readings: a.readings + b.readings,
    blocks: a.blocks + b.blocks,
    tsMin: Math.min(a.tsMin, b.tsMin),
    tsMax: Math.max(a.tsMax, b.tsMax),
  }
}

function asSeal(sum: Sum): Seal {
  return { ...sum, level: 0, thinned: 0, receivedFirst: sum.tsMin, receivedLast: sum.tsMax }
}

/**
 * The arrival times of a rebuilt seal are unknown: they are estimated from its readings' own times, limited by the
 * arrival times of its neighbours.
 */
function dateArrivals(seals: readonly Seal[], rebuilt: ReadonlySet<Seal>, now: number): Seal[] {
  const dated: Seal[] = []
  for (const [i, seal] of seals.entries()) {
    if (!rebuilt.has(seal)) {
      dated.push(seal)
      continue
    }
    const low = dated.at(-1)?.receivedLast ?? 0
    const high = seals.slice(i + 1).find((one) => !rebuilt.has(one))?.receivedFirst ?? Math.max(low, now)
    const within = (at: number): number => Math.max(low, Math.min(high, at))
    dated.push({ ...seal, receivedFirst: within(seal.tsMin), receivedLast: within(seal.tsMax) })
  }
  return dated
}

/** Writes the seals, and removes all blocks that do not belong to one. */
function writeSeals(database: Database, seals: readonly Seal[]): void {
  database.exec('DELETE FROM seals')
  const insert = database.prepare(
    `INSERT INTO seals (id, parts, first, last, readings, blocks, level, thinned, ts_min, ts_max, received_first,
     received_last) VALUES (@id, @parts, @first, @last, @readings, @blocks, @level, @thinned, @tsMin, @tsMax,
     @receivedFirst, @receivedLast)`,
  )
  const remove = database.prepare('DELETE FROM blocks WHERE id BETWEEN ? AND ?')
  let next = 0
  for (const seal of [...seals].sort((a, b) => a.id - b.id)) {
    insert.run(seal)
    const { first, last } = idsOf(seal)
    remove.run(next, first - 1)
    next = last + 1
  }
  remove.run(next, Number.MAX_SAFE_INTEGER)
}
