import { setImmediate } from 'node:timers/promises'
import { OperatorError } from '../base/errors.ts'
import type { DayFolder } from './day-folder.ts'
import { type ExportFormat, openEncoder } from './format.ts'
import type { RowGroupLimits } from './parquet.ts'
import { type ExportParts, PartWriter } from './part-writer.ts'
import type { ExportSeries, Interval, ReadingSource } from './source.ts'
import type { ExportTarget } from './target.ts'

const DAY_MS = 86_400_000

export interface ExportWork<S extends ExportSeries> {
  readonly source: ReadingSource<S>
  readonly series: readonly S[]
  readonly interval: Interval
  readonly format: ExportFormat
  /** For Parquet. */
  readonly rowGroups?: Partial<RowGroupLimits>
  /** UTC ms. Used only for `share`: later readings are not expected. */
  readonly now: number
  /** Ends the export; an incomplete file is discarded. */
  readonly signal?: AbortSignal
  /** Called after each page. */
  readonly onProgress?: ((progress: ExportProgress) => void) | undefined
}

export interface ExportProgress {
  readonly readings: number
  readonly bytes: number
  /** Files that were started. */
  readonly files: number
  /** Estimated share of the work that is done, 0 to 1, from the times of the readings. */
  readonly share: number
}

/** The part of `share` that one file makes up. */
interface Stretch {
  readonly begin: number
  readonly end: number
}

/**
 * Writes all readings into one file: series by series, each ascending in (ts, seq). Memory: a page of readings, and for
 * Parquet one row group and the footer's entry for each row group. Rejects when the file is incomplete; the file is
 * discarded then.
 */
export async function exportFile<S extends ExportSeries>(
  work: ExportWork<S>,
  open: () => ExportTarget,
): Promise<ExportProgress> {
  const run = new Run(work)
  const onFull = (): never => {
    throw new OperatorError(`one ${work.format} file cannot hold more than ${run.progress.readings} readings`, {
      remedy: 'export with --partition day, or export shorter time ranges into several files',
    })
  }
  const writer = run.writer({ open, onFull })
  writer.begin()
  await run.write(writer, work.series, work.interval, { begin: 0, end: 1 })
  return run.progress
}

/**
 * Writes the readings of each UTC day into separate files, day by day, each in the order of `exportFile`. When it
 * rejects, earlier days are complete, and the incomplete part of the current day is discarded.
 */
export async function exportDays<S extends ExportSeries>(
  work: ExportWork<S>,
  folder: Pick<DayFolder, 'open' | 'complete'>,
): Promise<ExportProgress> {
  const { source, interval, series } = work
  const run = new Run(work)
  /** For each series with readings left: none of them is earlier than this time (UTC ms). */
  const next = new Map<S, number>()
  const checkStart = (one: S, from: number): void => {
    const first = from < interval.to ? source.first(one, { from, to: interval.to }) : undefined
    if (first === undefined) next.delete(one)
    else next.set(one, first)
  }
  for (const one of series) checkStart(one, interval.from)
  const begin = earliest(next.values())
  const shareAt = (ts: number): number => share(begin, ts, Math.min(interval.to, work.now))
  while (next.size > 0) {
    const start = Math.floor(earliest(next.values()) / DAY_MS) * DAY_MS
    const end = start + DAY_MS
    const day = dayName(start)
    const due = [...next].flatMap(([one, ts]) => (ts < end ? [one] : []))
    const writer = run.writer({ open: (part) => folder.open(day, part) })
    const within = { from: Math.max(interval.from, start), to: Math.min(interval.to, end) }
    const met = await run.write(writer, due, within, { begin: shareAt(start), end: shareAt(end) })
    if (writer.parts > 0) folder.complete(day, writer.parts)
    // A series with readings on this day most likely has some on the next: search only if it had none.
    for (const one of due) {
      if (met.has(one) && end < interval.to) next.set(one, end)
      else checkStart(one, end)
    }
  }
  return run.progress
}

/** The UTC day of a time, as 2026-01-31. */
export function dayName(ts: number): string {
  return new Date(ts).toISOString().slice(0, 10)
}

function earliest(times: Iterable<number>): number {
  let earliest = Number.POSITIVE_INFINITY
  for (const ts of times) earliest = Math.min(earliest, ts)
  return earliest
}

/** The share of the time from `begin` to `end` that has passed at `ts`, 0 to 1. */
function share(begin: number, ts: number, end: number): number {
  return end > begin ? Math.max(0, Math.min(1, (ts - begin) / (end - begin))) : 1
}

/** One running export and its progress. */
class Run<S extends ExportSeries> {
  readonly #work: ExportWork<S>
  #progress: ExportProgress = { readings: 0, bytes: 0, files: 0, share: 0 }

  constructor(work: ExportWork<S>) {
    this.#work = work
  }

  get progress(): ExportProgress {
    return this.#progress
  }

  writer(files: ExportParts): PartWriter {
    return new PartWriter(files, () => openEncoder(this.#work.format, this.#work.rowGroups))
  }

  /** Writes one file, in parts if needed; returns the series that had readings in it. */
  async write(writer: PartWriter, series: readonly S[], interval: Interval, stretch: Stretch): Promise<Set<S>> {
    const { source, onProgress, now } = this.#work
    const end = Math.min(interval.to, now)
    const before = this.#progress
    const met = new Set<S>()
    let readings = 0
    try {
      for (const [index, one] of series.entries()) {
        let first: number | undefined
        for (const page of source.pages(one, interval)) {
          await writer.write(page)
          met.add(one)
          readings += page.length
          first ??= page[0]?.ts ?? end
          const passed = (index + share(first, page.at(-1)?.ts ?? end, end)) / series.length
          this.#progress = {
            readings: before.readings + readings,
            bytes: before.bytes + writer.bytes,
            files: before.files + writer.parts,
            share: stretch.begin + (stretch.end - stretch.begin) * passed,
          }
          onProgress?.(this.#progress)
          await this.#yieldTurn()
        }
        await this.#yieldTurn()
      }
      await writer.complete()
    } catch (trouble) {
      writer.discard()
      throw trouble
    }
    const { bytes, files } = before
    this.#progress = { ...this.#progress, bytes: bytes + writer.bytes, files: files + writer.parts, share: stretch.end }
    return met
  }

  /** Reading and writing are synchronous: without a turn of the event loop, signals and timers would not be handled. */
  async #yieldTurn(): Promise<void> {
    await setImmediate()
    this.#work.signal?.throwIfAborted()
  }
}
