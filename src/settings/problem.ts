import type { Path } from './outline.ts'

/** What is wrong with one place of the settings. */
export interface Problem {
  readonly path: Path
  readonly text: string
  /** Where to look, if it is not the place that `path` names in the settings file. */
  readonly place?: Place
}

/** A position in the settings file (both from 1), or the environment variable that gave the value. */
export type Place = { readonly line: number; readonly column: number } | { readonly variable: string }
