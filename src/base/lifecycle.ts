/** Runs until `stop` is called. `stop` resolves when it has ended completely; a second call is harmless. */
export interface Part {
  readonly name: string
  stop(): Promise<void>
}

/**
 * Parts in the order in which they were started; `stop` stops them in reverse. When a part fails to stop, the others
 * are stopped all the same, and `stop` rejects with an AggregateError of all failures.
 */
export class Parts {
  readonly #started: Part[] = []

  /** Adds a part that has just started. */
  add<P extends Part>(part: P): P {
    this.#started.push(part)
    return part
  }

  async stop(): Promise<void> {
    const failures: unknown[] = []
    for (let part = this.#started.pop(); part !== undefined; part = this.#started.pop()) {
      try {
        await part.stop()
      } catch (failure) {
        failures.push(new Error(`stopping ${part.name} failed`, { cause: failure }))
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not every part stopped cleanly')
  }
}
