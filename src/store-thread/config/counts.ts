/** Counters of config events since the start, by name. Names come from the code, so there are few. */
export class ConfigCounts {
  readonly #counts: Record<string, number> = {}
  readonly #latest: Record<string, string> = {}

  /** @param reason text for people; only the latest one is kept */
  add(name: string, reason: string | undefined): void {
    this.#counts[name] = (this.#counts[name] ?? 0) + 1
    if (reason !== undefined) this.#latest[name] = reason
  }

  get all(): Readonly<Record<string, number>> {
    return { ...this.#counts }
  }

  /** The reason of the latest event of each name, if it had one. */
  get reasons(): Readonly<Record<string, string>> {
    return { ...this.#latest }
  }
}
