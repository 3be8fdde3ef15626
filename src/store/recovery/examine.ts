import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Database } from 'better-sqlite3'
import { messageOf, OperatorError } from '../../base/errors.ts'
import { DATABASE_FILE, isDamage, openReadOnly } from '../database.ts'
import { isSuspect } from './suspicion.ts'

/**
 * A file up to this size is checked completely when it is opened: half a second if it is cached in memory, a few
 * seconds from a slow card. In a larger file, all tables except the blocks are checked; blocks have checksums, and
 * damage in them is detected when they are read.
 */
const WHOLE_BYTES_MAX = 268_435_456

/**
 * The problem of a folder's database, as a message of SQLite; undefined: there is no problem, or no database yet.
 * Writes nothing: a damaged file is not changed.
 * @throws OperatorError for a database of a newer version or of another program.
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
