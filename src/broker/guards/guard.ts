import type { AedesOptions } from 'aedes'
import type { Log } from '../../base/log.ts'
import type { Settle } from '../intake.ts'

/** What the guard needs of a client; undefined or null: no client is the cause. */
type Cause = { readonly id?: string | null; readonly conn?: { destroy(): unknown } } | null | undefined

/** Whether an event with this number is logged: the first, second, fourth, eighth … one. A flood must not fill the log. */
export function isLogged(count: number): boolean {
  return (count & (count - 1)) === 0
}

/**
 * Contains exceptions in code that Aedes, its packages or a socket call. None of them expects one: it would end the
 * process, and all clients would pay for the packet of one. The client whose packet it was is disconnected; the failure
 * is counted and logged, and the health reports it, because it is a defect of Tidegate.
 */
export class Guard {
  readonly #log: Log
  /** Exceptions so far. */
  failures = 0
  /** Where the last one was thrown. */
  lastPlace: string | undefined
  /** When (monotonic ms). */
  lastAt = Number.NEGATIVE_INFINITY

  constructor(log: Log) {
    this.#log = log
  }

  /** Counts a failure and disconnects the client that caused it. */
  note(place: string, failure: unknown, cause?: Cause): void {
    this.failures++
    this.lastPlace = place
    this.lastAt = performance.now()
    if (isLogged(this.failures)) {
      const { failures: count } = this
      this.#log.error({ err: failure, place, client: cause?.id, count }, 'a client was disconnected by a defect')
    }
    cause?.conn?.destroy()
  }

  /** The result of `work`, or `otherwise` when it throws. */
  run<T>(place: string, { cause, otherwise }: { cause: Cause; otherwise: T }, work: () => T): T {
    try {
      return work()
    } catch (failure) {
      this.note(place, failure, cause)
      return otherwise
    }
  }

  /** The same settlement, which does not throw: those of a commit are called one after the other. */
  settling(place: string, cause: Cause, settle: Settle): Settle {
    return (failure) => this.run(place, { cause, otherwise: undefined }, () => settle(failure))
  }

  /**
   * Calls code that answers once. When it throws, `answer` is called with the failure, unless it was called already.
   */
  answer<A extends unknown[]>(
    place: string,
    { cause, answer, refuse }: { cause: Cause; answer: (...args: A) => void; refuse: (failure: Error) => void },
    work: (answer: (...args: A) => void) => void,
  ): void {
    let isAnswered = false
    try {
      work((...args) => {
        if (isAnswered) return
        isAnswered = true
        this.run(place, { cause, otherwise: undefined }, () => answer(...args)) // it may be late, after this call
      })
    } catch (failure) {
      this.note(place, failure, cause)
      if (isAnswered) return
      isAnswered = true
      refuse(failure instanceof Error ? failure : new Error(String(failure)))
    }
  }
}

type Hooks = Required<
  Pick<AedesOptions, 'preConnect' | 'authenticate' | 'authorizePublish' | 'authorizeSubscribe' | 'authorizeForward'>
>

/** The hooks of Aedes, none of which throws. A hook that fails refuses what it was asked for. */
export function guardHooks(guard: Guard, hooks: Hooks): Hooks {
  return {
    preConnect: (client, packet, callback) => {
      const refuse = (failure: Error): void => callback(failure, false)
      guard.answer('preConnect', { cause: client, answer: callback, refuse }, (answer) =>
        hooks.preConnect(client, packet, answer),
      )
    },
    authenticate: (client, username, password, callback) => {
      const refuse = (failure: Error): void => callback(Object.assign(failure, { returnCode: 3 as const }), false)
      guard.answer('authenticate', { cause: client, answer: callback, refuse }, (answer) =>
        hooks.authenticate(client, username, password, answer),
      )
    },
    authorizePublish: (client, packet, callback) => {
      guard.answer('authorizePublish', { cause: client, answer: callback, refuse: callback }, (answer) =>
        hooks.authorizePublish(client, packet, answer),
      )
    },
    authorizeSubscribe: (client, subscription, callback) => {
      guard.answer('authorizeSubscribe', { cause: client, answer: callback, refuse: callback }, (answer) =>
        hooks.authorizeSubscribe(client, subscription, answer),
      )
    },
    authorizeForward: (client, packet) =>
      guard.run<ReturnType<Hooks['authorizeForward']>>('authorizeForward', { cause: client, otherwise: null }, () =>
        hooks.authorizeForward(client, packet),
      ),
  }
}
