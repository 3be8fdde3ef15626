/** Anything that runs until it is told to stop. `stop` resolves when nothing of it is left; calling it twice is harmless. */
export interface Part {
  readonly name: string
  stop(): Promise<void>
}

/**
 * Parts in the order in which they were started; stopped in reverse. Every part is visited even when one fails to
 * stop; the failures come out together as an AggregateError.
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
