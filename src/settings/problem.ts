import type { Path } from './outline.ts'

/** What is wrong with one setting. */
export interface Problem {
  readonly path: Path
  readonly text: string
  /** Place to report, if it is not that of `path` in the settings file. */
  readonly place?: Place
}

/** A position in the settings file (line and column from 1), or the environment variable that set the value. */
export type Place = { readonly line: number; readonly column: number } | { readonly variable: string }
