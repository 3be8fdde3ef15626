/**
 * Registry of everything that a test has started. After the test file all of it is stopped, even when a test fails
 * (see setup.ts), newest first; a bench stops it itself. Processes are also killed when this process exits.
 */
const stops: (() => Promise<void> | void)[] = []
const pids = new Set<number>()

/** Registers a function that stops something. It is called at most once, and must be harmless when called late. */
export function onStop(stop: () => Promise<void> | void): void {
  stops.push(stop)
}

/** Stops everything registered so far, newest first; stops all of it, then throws all errors together. */
export async function stopStarted(): Promise<void> {
  const failures: unknown[] = []
  for (let stop = stops.pop(); stop !== undefined; stop = stops.pop()) {
    try {
      await stop()
    } catch (failure) {
      failures.push(failure)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'not everything that the test started has stopped')
}

/**
 * Runs a program, stops everything that it started, and ends this process: with the code that the program returns, with 2
 * if it throws, with 130 at Ctrl+C.
 */
export async function runToEnd(program: () => Promise<number>): Promise<never> {
  const end = (code: number): Promise<never> => stopStarted().finally(() => process.exit(code)) as Promise<never>
  process.once('SIGINT', () => void end(130))
  try {
    return await end(await program())
  } catch (failure) {
    process.stderr.write(`${failure instanceof Error ? failure.message : failure}\n`)
    return await end(2)
  }
}

/** Marks a child process as ours until it has ended: it must not outlive this process. */
export function childStarted(pid: number): void {
  pids.add(pid)
}

export function childEnded(pid: number): void {
  pids.delete(pid)
}

process.on('exit', () => {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
})

// Without a listener SIGTERM ends a process without the 'exit' event, and the children stay.
process.once('SIGTERM', () => process.exit(143))
