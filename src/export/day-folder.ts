import { existsSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { ExportFormat } from './format.ts'
import { type ExportTarget, FileTarget } from './target.ts'

/** Files of an export per day: `date=2026-01-31/part-0.parquet`. Hive, DuckDB and Spark read them as one table. */
export class DayFolder {
  readonly #folder: string
  readonly #format: ExportFormat
  readonly #overwrite: boolean

  constructor(folder: string, format: ExportFormat, overwrite: boolean) {
    this.#folder = folder
    this.#format = format
    this.#overwrite = overwrite
  }

  /** @throws OperatorError as `FileTarget.open`. */
  open(day: string, part: number): ExportTarget {
    return FileTarget.open(this.#file(day, part), this.#overwrite)
  }

  /** All `parts` of the day are complete. With overwrite, removes further parts, which an earlier export has left. */
  complete(day: string, parts: number): void {
    if (!this.#overwrite) return
    for (let part = parts; existsSync(this.#file(day, part)); part++) unlinkSync(this.#file(day, part))
  }

  #file(day: string, part: number): string {
    return join(this.#folder, `date=${day}`, `part-${part}.${this.#format}`)
  }
}
