/** Calls that wait for a transaction, at most; further ones fail, and their callers try again. */
const WAITING_MAX = 1_000

/**
 * Lets one piece of work at a time use a connection. A transaction may stay open over several turns of the event loop;
 * whatever else ran on its connection meanwhile would belong to it. Work that finds the gate open begins at once.
 */
export class TransactionGate {
  #isBusy = false
  readonly #waiting: (() => void)[] = []

  /** @throws whatever `work` throws, or Error if too many calls wait */
  async run<T>(work: () => Promise<T> | T): Promise<T> {
    if (this.#isBusy) await this.#turn()
    this.#isBusy = true
    try {
      return await work()
    } finally {
      this.#release()
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= WAITING_MAX) throw new Error(`${WAITING_MAX} calls wait for the database already`)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** The next call takes the gate over: none that comes later can be first. */
  #release(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#isBusy = false
    else next()
  }
}

/** The same object; each call of one of its methods, or of those of its members, waits for the gate. */
export function gated<T extends object>(gate: TransactionGate, object: T): T {
  return new Proxy(object, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member === 'function') return (...values: unknown[]) => gate.run(() => member.apply(target, values))
      return typeof member === 'object' && member !== null ? gated(gate, member) : member
    },
  })
}
