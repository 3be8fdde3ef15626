import { pause } from '../base/clock.ts'
import { type BackoffRule, backoffMs } from './backoff.ts'
import { LinkError, type LinkErrorKind } from './link.ts'
import { untilBack } from './network-watch.ts'

/** A connection that lasted this long (ms) worked: the next failure is a new one. */
const LASTED_MS = 10_000
/** Failures after which the broker may not be reachable at all. */
const AWAY: readonly LinkErrorKind[] = ['unreachable', 'timeout']

export interface ReconnectOptions extends BackoffRule {
  readonly url: string
  /** Uniform in [0, 1). */
  readonly random: () => number
}

/**
 * Pauses between connections to one broker. They grow while connections fail, also those that the broker accepts and
 * ends at once, and a connection that worked resets them. A pause ends early when the broker or the network is back.
 */
export class Reconnect {
  readonly #options: ReconnectOptions
  #attempt = 0
  /** The last pause ended early because the broker accepted a TCP connection. */
  #endedEarly = false

  constructor(options: ReconnectOptions) {
    this.#options = options
  }

  /** Something was answered over the connection. */
  worked(): void {
    this.#attempt = 0
    this.#endedEarly = false
  }

  /** A connection has ended that was open for this time (ms). */
  ended(openMs: number): void {
    if (openMs >= LASTED_MS) this.worked()
  }

  /**
   * Waits before the next connection, or until the signal fires. Never rejects.
   * @param failure why the last one ended
   */
  async pause(failure: unknown, signal: AbortSignal): Promise<void> {
    const { url, random, ...rule } = this.#options
    const waitMs = backoffMs(this.#attempt++, rule, random)
    const over = new AbortController()
    const either = AbortSignal.any([signal, over.signal])
    // Something may accept TCP connections in front of a broker that is away: it ends only one pause early.
    const away = failure instanceof LinkError && AWAY.includes(failure.kind) && !this.#endedEarly
    const back = untilBack(url, { accepted: away ? false : undefined, signal: either, random })
    const why = await Promise.race([pause(waitMs, either).then(() => undefined), back])
    over.abort()
    this.#endedEarly = why === 'broker'
  }
}
