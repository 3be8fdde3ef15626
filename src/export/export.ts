import { setImmediate } from 'node:timers/promises'
import type { StoredReading } from '../base/reading.ts'
import type { Encoder } from './encoder.ts'
import { type ExportFormat, openEncoder } from './format.ts'
import { Passage } from './passage.ts'
import type { ExportSeries, Interval, ReadingSource } from './source.ts'
import type { Target } from './target.ts'

const DAY_MS = 86_400_000

export interface ExportWork<S extends ExportSeries> {
  readonly source: ReadingSource<S>
  /** Those of the source that are asked for. */
  readonly series: readonly S[]
  readonly interval: Interval
  readonly format: ExportFormat
  /** Ends it; the file that is not whole is discarded. */
  readonly signal?: AbortSignal
  /** Hears after each page how far it is. */
  readonly told?: (progress: ExportProgress) => void
}

export interface ExportProgress {
  readonly readings: number
  readonly bytes: number
  /** Files that are whole. */
  readonly files: number
  /** How much of the time of all series has been passed, 0 to 1. */
  readonly share: number
}

/**
 * Writes all readings into one target: series by series, each ascending in (ts, seq). Holds a page of readings, and of
 * Parquet a row group. Rejects when the target is not whole, and has discarded it then.
 */
export async function exportFile<S extends ExportSeries>(
  work: ExportWork<S>,
  open: () => Target,
): Promise<ExportProgress> {
  const run = new Run(work)
  await run.file(open(), [...run.firsts.keys()], work.interval)
  return run.progress
}

/**
 * Writes the readings of each UTC day into a target of its own, day by day, inside like `exportFile`. `open` gets the
 * day as 2026-01-31. When it rejects, the days before are whole and the one at work is discarded.
 */
export async function exportDays<S extends ExportSeries>(
  work: ExportWork<S>,
  open: (day: string) => Target,
): Promise<ExportProgress> {
  const { source, interval } = work
  const run = new Run(work)
  const next = new Map(run.firsts)
  while (next.size > 0) {
    const start = dayStart(earliest(next.values()))
    const end = start + DAY_MS
    const due = [...next].flatMap(([series, ts]) => (ts < end ? [series] : []))
    const day = { from: Math.max(interval.from, start), to: Math.min(interval.to, end) }
    await run.file(open(dayName(start)), due, day)
    for (const series of due) {
      const first = end < interval.to ? source.first(series, { from: end, to: interval.to }) : undefined
      if (first === undefined) next.delete(series)
      else next.set(series, first)
    }
  }
  return run.progress
}

function earliest(times: Iterable<number>): number {
  let earliest = Number.POSITIVE_INFINITY
  for (const ts of times) earliest = Math.min(earliest, ts)
  return earliest
}

/** The UTC day of a time, as 2026-01-31. */
export function dayName(ts: number): string {
  return new Date(ts).toISOString().slice(0, 10)
}

function dayStart(ts: number): number {
  return Math.floor(ts / DAY_MS) * DAY_MS
}

/** One export: what it has done so far, and the time of the first reading of each series that has any. */
class Run<S extends ExportSeries> {
  readonly firsts = new Map<S, number>()
  readonly #work: ExportWork<S>
  readonly #passage = new Passage<S>()
  #readings = 0
  #bytes = 0
  #files = 0

  constructor(work: ExportWork<S>) {
    this.#work = work
    for (const series of work.series) {
      const first = work.source.first(series, work.interval)
      if (first === undefined) continue
      this.firsts.set(series, first)
      this.#passage.expect(series, { first, last: work.source.last(series, work.interval) ?? first })
    }
  }

  get progress(): ExportProgress {
    return { readings: this.#readings, bytes: this.#bytes, files: this.#files, share: this.#passage.share }
  }

  async file(target: Target, series: readonly S[], interval: Interval): Promise<void> {
    try {
      const encoder = openEncoder(this.#work.format)
      for (const one of series) {
        for (const page of this.#work.source.pages(one, interval)) await this.#page(one, page, encoder, target)
        this.#passage.reach(one, interval.to)
      }
      await this.#send(encoder.end(), target)
      target.complete()
      this.#files++
    } catch (trouble) {
      target.discard()
      throw trouble
    }
  }

  async #page(series: S, page: readonly StoredReading[], encoder: Encoder, target: Target): Promise<void> {
    const last = page.at(-1)
    if (last === undefined) return
    await this.#send(encoder.encode(page), target)
    this.#readings += page.length
    this.#passage.reach(series, last.ts)
    this.#work.told?.(this.progress)
    // Reading and writing are synchronous: without this neither a signal nor a timer would ever be heard.
    await setImmediate()
    this.#work.signal?.throwIfAborted()
  }

  async #send(chunks: Iterable<Uint8Array>, target: Target): Promise<void> {
    for (const chunk of chunks) {
      await target.write(chunk)
      this.#bytes += chunk.length
    }
  }
}
