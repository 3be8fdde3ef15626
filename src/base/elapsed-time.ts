import { readFileSync } from 'node:fs'

const UPTIME_FILE = '/proc/uptime'
const BOOT_FILE = '/proc/sys/kernel/random/boot_id'
/** Between two readings of the file, the process' own monotonic clock counts; for up to this long (ms). */
const SAMPLE_MS_MAX = 1_000

/**
 * Time since this machine started, which no one can set. It continues when a process restarts, so that two processes of
 * one start of the machine (`boot`) can compare their times.
 */
export interface ElapsedClock {
  /** Milliseconds since the machine started; rises by the real time that passes. */
  now(): number
  /** Names this start of the machine; undefined: unknown, so the times of two processes cannot be compared. */
  readonly boot: string | undefined
}

/**
 * The elapsed clock of this machine. On Linux it is /proc/uptime, which includes the time in suspend. Elsewhere it is
 * the monotonic clock of the process.
 * @see https://man7.org/linux/man-pages/man5/proc_uptime.5.html
 */
export class MachineElapsedClock implements ElapsedClock {
  readonly boot: string | undefined = readText(BOOT_FILE)
  #uptimeMs = 0
  #sampledAt = Number.NEGATIVE_INFINITY

  now(): number {
    const at = Number(process.hrtime.bigint() / 1_000_000n)
    if (this.boot === undefined) return at
    const sinceMs = at - this.#sampledAt
    if (sinceMs >= 0 && sinceMs < SAMPLE_MS_MAX) return this.#uptimeMs + sinceMs
    const seconds = Number(readText(UPTIME_FILE)?.split(' ')[0])
    if (!Number.isFinite(seconds)) return at
    // The file is rounded down to 10 ms: without the maximum, the time could go back by up to that.
    this.#uptimeMs = Math.max(seconds * 1_000, sinceMs >= 0 && sinceMs < 2 * SAMPLE_MS_MAX ? this.#uptimeMs : 0)
    this.#sampledAt = at
    return this.#uptimeMs
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return undefined
  }
}

/** A wall clock that differs from the elapsed time by more than this (ms) has stepped. */
const STEP_MS = 60_000
/** A step counts for this long (ms): a clock that is set back within this time has done no harm. */
const KEPT_MS = 3_600_000

/**
 * Notices when a wall clock steps. Work that cannot be undone waits until the clock has kept its new time for an hour.
 */
export class StepWatch {
  readonly #now: () => number
  readonly #elapsedClock: ElapsedClock
  #aheadMs: number
  #steppedAt: number | undefined

  /** @param now the wall clock, UTC ms */
  constructor(now: () => number, elapsedClock: ElapsedClock) {
    this.#now = now
    this.#elapsedClock = elapsedClock
    this.#aheadMs = now() - elapsedClock.now()
  }

  /** Whether the wall clock has stepped within the last hour. Call it at least that often. */
  get hasStepped(): boolean {
    const elapsed = this.#elapsedClock.now()
    const aheadMs = this.#now() - elapsed
    if (Math.abs(aheadMs - this.#aheadMs) > STEP_MS) {
      this.#aheadMs = aheadMs
      this.#steppedAt = elapsed
    }
    return this.#steppedAt !== undefined && elapsed - this.#steppedAt < KEPT_MS
  }
}
