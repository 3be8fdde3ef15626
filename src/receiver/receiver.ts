import { type Clock, pause } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Part } from '../base/lifecycle.ts'
import type { Log } from '../base/log.ts'
import type { ReceiverSettings } from '../base/settings-receiver.ts'
import { backoffMs } from '../link/backoff.ts'
import type { Link } from '../link/link.ts'
import { openLink } from '../link/open.ts'
import { type Answer, Intake } from './intake.ts'
import { upFilter } from './opening.ts'
import { answerOver } from './receipts.ts'
import type { Sink } from './sink.ts'
import type { Counts } from './tally.ts'

export interface ReceiverStats extends Counts {
  readonly connected: boolean
  /** What keeps readings from arriving, for people; undefined: nothing. */
  readonly trouble: string | undefined
}

export interface Receiver extends Part {
  stats(): ReceiverStats
}

export interface ReceiverDependencies {
  readonly log: Log
  readonly clock: Clock
  /** Belongs to the receiver from now on, which closes it when it stops. */
  readonly sink: Sink
  /** Uniform in [0, 1), for the backoff. */
  readonly random?: () => number
}

/**
 * Takes the batches of all edges from the cloud's broker into the sink, and answers each with a receipt after the
 * commit. A message is acknowledged to the broker only then; when the sink fails, the connection is given up and made
 * anew after a backoff, and the broker sends again. Resolves at once; the broker may be away and come later.
 */
export async function startReceiver(settings: ReceiverSettings, dependencies: ReceiverDependencies): Promise<Receiver> {
  return new CloudReceiver(settings, dependencies)
}

class CloudReceiver implements Receiver {
  readonly name = 'receiver'
  readonly #settings: ReceiverSettings
  readonly #log: Log
  readonly #random: () => number
  readonly #sink: Sink
  readonly #intake: Intake
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  #link: Link | undefined
  #connected = false
  #trouble: string | undefined

  constructor(settings: ReceiverSettings, { log, clock, sink, random = Math.random }: ReceiverDependencies) {
    const { batchBytesMax, batchReadingsMax } = settings
    this.#settings = settings
    this.#log = log
    this.#sink = sink
    this.#random = random
    this.#intake = new Intake({ prefix: settings.cloud.prefix, batchBytesMax, batchReadingsMax, sink, clock, log })
    this.#running = this.#run()
  }

  stats(): ReceiverStats {
    const trouble = this.#intake.trouble ?? this.#trouble
    return { connected: this.#connected, trouble, ...this.#intake.counts }
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#link?.close()
    await this.#running
    await this.#intake.idle()
    await this.#sink.close()
  }

  async #run(): Promise<void> {
    const { backoffMinMs: minMs, backoffMaxMs: maxMs } = this.#settings.cloud
    const { signal } = this.#stopping
    let attempt = 0
    while (!signal.aborted) {
      const commitsBefore = this.#intake.commits
      const reason = await this.#connection()
      if (signal.aborted) return
      this.#trouble = messageOf(reason)
      // Only a commit proves that it works: a broker may accept and drop, and so may the sink.
      if (this.#intake.commits > commitsBefore) attempt = 0
      const waitMs = backoffMs(attempt++, { minMs, maxMs }, this.#random)
      this.#log.warn({ reason: this.#trouble, waitMs }, 'no connection to the broker')
      await pause(waitMs, signal)
    }
  }

  /** One connection from its beginning to its end. Resolves with why it ended, and never rejects. */
  async #connection(): Promise<unknown> {
    const { url, prefix } = this.#settings.cloud
    try {
      const link = await this.#open()
      this.#link = link
      await link.subscribe(upFilter(prefix), 1)
      this.#connected = true
      this.#trouble = undefined
      this.#log.info({ url, session: link.sessionPresent }, 'receiving')
      return await link.closed
    } catch (failure) {
      this.#link?.destroy()
      return failure
    } finally {
      this.#connected = false
      this.#link = undefined
    }
  }

  async #open(): Promise<Link> {
    const { url, clientId, username, password, keepaliveS, connectTimeoutMs, prefix } = this.#settings.cloud
    const { promise: answering, resolve } = Promise.withResolvers<Answer>()
    const link = await openLink({
      ...{ url, clientId, username, password, keepaliveS, connectTimeoutMs, session: true },
      signal: this.#stopping.signal,
      onMessage: async (topic, payload) => this.#intake.take({ topic, payload }, await answering),
    })
    resolve(answerOver(link, { prefix, log: this.#log }))
    return link
  }
}
