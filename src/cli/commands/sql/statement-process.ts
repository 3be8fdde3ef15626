import { setPriority } from 'node:os'
import { systemClock } from '../../../base/clock.ts'
import { Exit, messageOf, OperatorError } from '../../../base/errors.ts'
import { SqlSession } from '../../../store/history/sql.ts'
import type { StatementReply, StatementRequest } from './protocol.ts'

/** Lower priority than the edge: a statement must not delay devices. */
const NICE = 10

function answer({ folder, sql, rowsMax }: StatementRequest): StatementReply {
  try {
    const session = new SqlSession(folder, systemClock)
    try {
      return { ok: true, result: session.run(sql, rowsMax) }
    } finally {
      session.close()
    }
  } catch (failure) {
    const known = failure instanceof OperatorError ? failure : undefined
    const message =
      known?.message ?? (failure instanceof Error ? (failure.stack ?? failure.message) : messageOf(failure))
    return { ok: false, message, remedy: known?.remedy, exitCode: known?.exitCode ?? Exit.FAILED }
  }
}

/** One process per statement: a running SQLite statement cannot be interrupted, but its process can be killed. */
process.once('message', (request: StatementRequest) => {
  setPriority(NICE)
  process.send!(answer(request), () => process.disconnect())
})
