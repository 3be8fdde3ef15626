import { pause } from '../base/clock.ts'
import { Exit, type ExitCode, messageOf } from '../base/errors.ts'
import { StopSignals } from '../base/stop-signals.ts'
import type { Output } from './output.ts'

/** Something that runs until it is stopped. */
export interface Service {
  stop(): Promise<void>
  /** Rejects when the service cannot continue. */
  readonly failed?: Promise<never>
}

const STOP_MS_MAX = 10_000

export interface ServeOptions {
  /** If the service has not stopped within this time after the first signal (milliseconds), the process ends with code 1. */
  readonly stopMsMax?: number
  /** Called at SIGHUP, which then never ends the process. Default: SIGHUP ends it, as when a terminal is closed. */
  readonly reload?: () => void
}

/**
 * Starts a service, prints that it is ready, runs it until SIGINT or SIGTERM, and then stops it in order. A signal during
 * the start is not lost. A second signal ends the process at once: everything that was acknowledged is on disk. A service
 * that cannot continue is stopped, and its error is thrown.
 */
export async function serve<S extends Service>(
  output: Output,
  start: () => Promise<S>,
  readyText: (service: S) => string,
  { stopMsMax = STOP_MS_MAX, reload }: ServeOptions = {},
): Promise<ExitCode> {
  const { signal } = new StopSignals()
  if (reload !== undefined) process.on('SIGHUP', reload)
  const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  const service = await start()
  output.print(`tidegate: ${readyText(service)}`)
  try {
    await Promise.race([stopped, ...(service.failed ? [service.failed] : [])])
  } catch (trouble) {
    await stop(service, output, stopMsMax).catch((more) => output.note(`tidegate: ${messageOf(more)}`))
    throw trouble
  }
  return stop(service, output, stopMsMax)
}

async function stop(service: Service, output: Output, stopMsMax: number): Promise<ExitCode> {
  const enough = new AbortController()
  const outcome = await Promise.race([
    service.stop().then(() => 'stopped'),
    pause(stopMsMax, enough.signal).then(() => 'late'),
  ]).finally(() => enough.abort())
  if (outcome === 'stopped') return Exit.OK
  output.note(
    `tidegate: not stopped within ${stopMsMax / 1_000} s, exiting now; everything that was acknowledged is on disk`,
  )
  return Exit.FAILED
}
