import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Database } from 'better-sqlite3'
import { messageOf, OperatorError } from '../../base/errors.ts'
import { DATABASE_FILE, isDamage, openReadOnly } from '../database.ts'
import { isSuspect } from './suspicion.ts'

/**
 * A file up to this size is looked at as a whole when it is opened: half a second where it is in memory, a few seconds
 * from a slow card. Of a larger one all tables but that of the blocks are, which carry checksums and are found when read.
 */
const WHOLE_BYTES_MAX = 268_435_456

/**
 * What is wrong with the database of a folder, in SQLite's words; undefined: nothing, or there is none yet. Nothing is
 * written: a damaged file stays as it is.
 * @throws OperatorError for one of a newer version or of another program.
 */
export function examine(folder: string): string | undefined {
  const file = join(folder, DATABASE_FILE)
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return undefined
  let database: Database | undefined
  try {
    database = openReadOnly(folder, { older: 'take' })
    return examineDatabase(database, statSync(file).size <= WHOLE_BYTES_MAX || isSuspect(folder))
  } catch (failure) {
    const cause = failure instanceof OperatorError ? failure.cause : failure
    if (isDamage(cause)) return messageOf(cause)
    throw failure
  } finally {
    database?.close()
  }
}

function examineDatabase(database: Database, whole: boolean): string | undefined {
  if (whole) return firstProblem(database, 'quick_check(1)')
  const tables = database
    .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name NOT IN ('blocks')`)
    .pluck()
    .all() as string[]
  for (const table of tables) {
    const problem = firstProblem(database, `quick_check('${table}')`)
    if (problem !== undefined) return problem
  }
  return undefined
}

function firstProblem(database: Database, pragma: string): string | undefined {
  const [first] = database.pragma(pragma) as { quick_check: string }[]
  return first === undefined || first.quick_check === 'ok' ? undefined : first.quick_check.replaceAll('\n', ' ')
}
