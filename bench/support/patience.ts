import type { RunningProcess } from '../../support/process.ts'

/**
 * A bench must not fail because a machine is slow or busy. This deadline is only there to end a bench that hangs, so it
 * is far above what any step takes.
 */
export const HANG_MS = 900_000

/** Sends SIGTERM and waits for the end of the process. @throws Error when it does not end, or not with exit code 0. */
export async function endInOrder(process: RunningProcess): Promise<void> {
  process.kill('SIGTERM')
  const code = await exitOf(process)
  if (code !== 0) throw new Error(`exit code ${code} after SIGTERM: ${process.stderr}`)
}

/** The exit code. @throws Error when the process hangs. */
export async function exitOf(process: RunningProcess, deadlineMs = HANG_MS): Promise<number> {
  let timer: NodeJS.Timeout | undefined
  const hangs = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`does not end within ${deadlineMs} ms`)), deadlineMs)
  })
  return await Promise.race([process.exit, hangs]).finally(() => clearTimeout(timer))
}

/** Standard output of a process that must succeed. @throws Error with its standard error when it fails. */
export async function outputOf(process: RunningProcess, what: string): Promise<string> {
  const code = await exitOf(process)
  if (code !== 0) throw new Error(`${what} failed (exit code ${code}): ${process.stderr}`)
  return process.stdout
}
