/** What happened to configs since the start, by its name; names come from the code, so there are few. */
export class ConfigCounts {
  readonly #counts: Record<string, number> = {}
  readonly #latest: Record<string, string> = {}

  /** @param reason of the latest one, for people */
  add(name: string, reason: string | undefined): void {
    this.#counts[name] = (this.#counts[name] ?? 0) + 1
    if (reason !== undefined) this.#latest[name] = reason
  }

  get all(): Readonly<Record<string, number>> {
    return { ...this.#counts }
  }

  /** Why the latest one of each happened, where that was told. */
  get reasons(): Readonly<Record<string, string>> {
    return { ...this.#latest }
  }
}
