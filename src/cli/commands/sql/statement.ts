import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { assert, Exit, type ExitCode, OperatorError } from '../../../base/errors.ts'
import { siblingModule } from '../../../base/sibling.ts'
import type { SqlResult } from '../../../store/history/sql.ts'
import type { StatementReply, StatementRequest } from './protocol.ts'

/**
 * Runs a statement in its own process, which is killed after the timeout or when the signal fires. Thus the statement
 * cannot keep the store's WAL or a processor busy for longer.
 * @throws OperatorError if the statement is refused, or takes longer than `timeoutMs`
 */
export async function runStatement(
  request: StatementRequest,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<SqlResult> {
  const child = fork(fileURLToPath(siblingModule(import.meta.url, './statement-process')), {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const timeout = AbortSignal.timeout(timeoutMs)
  const end = AbortSignal.any([timeout, signal])
  const kill = (): void => void child.kill('SIGKILL')
  end.addEventListener('abort', kill, { once: true })
  try {
    const reply = await new Promise<StatementReply>((resolve, reject) => {
      child.once('message', (message) => resolve(message as StatementReply))
      child.once('error', reject)
      child.once('exit', (code, killedBy) =>
        reject(new Error(`the process of the statement ended: ${killedBy ?? code}`)),
      )
      child.send(request)
    })
    return resultOf(reply)
  } catch (failure) {
    if (signal.aborted) throw signal.reason
    if (timeout.aborted) throw tooLong(timeoutMs)
    throw failure
  } finally {
    end.removeEventListener('abort', kill)
    child.kill('SIGKILL')
  }
}

function resultOf(reply: StatementReply): SqlResult {
  if (reply.ok) return reply.result
  const { message, remedy, exitCode } = reply
  assert(remedy !== undefined, `every failure of a statement is an OperatorError: ${message}`)
  throw new OperatorError(message, { remedy, exitCode: exitCode as ExitCode })
}

function tooLong(timeoutMs: number): OperatorError {
  return new OperatorError(`the statement took longer than ${timeoutMs / 1_000} s and was killed`, {
    remedy: 'narrow the statement (one device, a shorter time), or raise --timeout',
    exitCode: Exit.FAILED,
  })
}
