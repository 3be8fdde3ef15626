/** Exit codes of the command line, from sysexits.h where it has a suitable one. */
export const Exit = {
  OK: 0,
  FAILED: 1,
  USAGE: 64,
  UNAVAILABLE: 69,
  CANNOT_CREATE: 73,
  SETTINGS: 78,
} as const
export type ExitCode = (typeof Exit)[keyof typeof Exit]

/**
 * An error that the person who runs Tidegate can fix. `message` says what was attempted, on what, and why it failed;
 * `remedy` says what to do. Commands print it without a stack trace.
 */
export class OperatorError extends Error {
  override readonly name = 'OperatorError'
  readonly remedy: string
  readonly exitCode: ExitCode

  constructor(message: string, options: { remedy: string; exitCode?: ExitCode; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.remedy = options.remedy
    this.exitCode = options.exitCode ?? Exit.FAILED
  }
}

/**
 * A single publish cannot be stored now, while others can. It is not acknowledged, so its sender keeps it; other
 * publishes of the same connection must not suffer from it.
 */
export class PublishRefused extends Error {
  override readonly name = 'PublishRefused'
}

/**
 * Throws when an invariant does not hold: a bug in Tidegate, not a user error. The process ends instead of continuing.
 */
export function assert(holds: boolean, promise: string): asserts holds {
  if (!holds) throw new Error(`broken promise: ${promise}`)
}

/** The message of a thrown value of any type. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** The `code` of a Node.js or SQLite error ('ENOENT', 'SQLITE_FULL'), or undefined. */
export function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined
  return typeof thrown.code === 'string' ? thrown.code : undefined
}
