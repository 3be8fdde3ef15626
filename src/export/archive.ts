import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import { assert } from '../base/errors.ts'
import { syncFolder } from '../base/fsync.ts'
import type { StoredReading } from '../base/reading.ts'
import { base64, numberText, valueWord } from '../base/reading-text.ts'
import { dayName } from './export.ts'
import { ParquetEncoder } from './parquet.ts'
import { FileTarget } from './target.ts'

/** Readings of one call, at most; they are in memory twice: as readings and as columns. */
export const ARCHIVE_ROWS_MAX = 65_536

/**
 * Adds readings to a folder as Parquet files, one per UTC day: `date=2026-01-31/archive-FIRST-LAST-DIGEST.parquet`,
 * with the first and last position in the file. Returns their paths.
 *
 * When it returns, files and names are on disk: the readings may be removed. Synchronous, for the store thread. The
 * same readings give the same files, whatever their order and verdicts: a second call, after a crash between archiving
 * and removal, replaces each file atomically. Other readings never replace them, even when a database that was set back
 * to an earlier state assigns the same positions again: the name contains a digest of the readings.
 * @throws OperatorError when a file cannot be written; files of earlier days stay.
 */
export function archive(folder: string, readings: readonly StoredReading[]): string[] {
  assert(readings.length <= ARCHIVE_ROWS_MAX, `at most ${ARCHIVE_ROWS_MAX} readings are archived at once`)
  const ordered = readings.toSorted(bySeries)
  const days = Map.groupBy(ordered, ({ ts }) => dayName(ts))
  return [...days].map(([day, ofDay]) => writeDay(folder, day, ofDay))
}

function writeDay(folder: string, day: string, readings: readonly StoredReading[]): string {
  const positions = readings.map(({ seq }) => seq)
  const [first, last] = [positions.reduce((a, b) => Math.min(a, b)), positions.reduce((a, b) => Math.max(a, b))]
  const dayFolder = join(folder, `date=${day}`)
  const file = join(dayFolder, `archive-${first}-${last}-${digest(readings)}.parquet`)
  const target = FileTarget.open(file, true)
  try {
    const encoder = new ParquetEncoder()
    for (const bytes of [...encoder.encode(readings), ...encoder.end()]) target.write(bytes)
  } catch (trouble) {
    target.discard()
    throw trouble
  }
  target.complete()
  for (const one of [folder, dirname(folder)]) syncFolder(one)
  return file
}

/** Orders by series, each ascending in (ts, seq). No two readings compare equal. */
function bySeries(a: StoredReading, b: StoredReading): number {
  return (
    order(a.device, b.device) ||
    order(a.metric, b.metric) ||
    order(a.unit ?? '', b.unit ?? '') ||
    a.ts - b.ts ||
    a.seq - b.seq
  )
}

function order(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}

const DIGEST_CHARS = 12

/** Digest of the readings without their verdicts, which may still get worse until the readings are removed. */
function digest(readings: readonly StoredReading[]): string {
  const hash = createHash('sha256')
  for (const { device, metric, unit = '', ts, seq, value } of readings) {
    const text = typeof value === 'number' ? numberText(value) : value instanceof Uint8Array ? base64(value) : value
    hash.update(JSON.stringify([device, metric, unit, ts, seq, valueWord(value), text]))
  }
  return hash.digest('hex').slice(0, DIGEST_CHARS)
}
