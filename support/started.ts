/**
 * What a test has started. Everything is stopped after the test file even when a test fails (see setup.ts), newest
 * first; what a bench has started is stopped by the bench. Processes are also killed when this process exits.
 */
const stops: (() => Promise<void> | void)[] = []
const pids = new Set<number>()

/** Registers the end of something that was started. It is called at most once, and must be harmless when late. */
export function onStop(stop: () => Promise<void> | void): void {
  stops.push(stop)
}

/** Stops everything registered so far, newest first; visits all, then throws what failed together. */
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

// Without a listener SIGTERM ends a process past its 'exit' event, and the children stay.
process.once('SIGTERM', () => process.exit(143))
