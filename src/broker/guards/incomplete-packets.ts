/** A connection with an incomplete packet. */
export interface IncompleteConnection {
  /** Closes it because the incomplete packets of all connections take too much memory. */
  closeIncomplete(): void
}

/**
 * The incomplete packets of all connections, bounded together: a client that sends half of a packet on each of many
 * connections would take all memory. At the bound the connection is closed whose packet has been incomplete for longest,
 * except those with fewer bytes than the average: closing them would free nothing, and hit slow devices.
 */
export class IncompletePackets {
  readonly #bytesMax: number
  /** Bytes of each, the one that began first at the front. */
  readonly #bytes = new Map<IncompleteConnection, number>()
  #total = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#total
  }

  /** A connection holds this many bytes of the same incomplete packet as before, or of the first. */
  note(connection: IncompleteConnection, bytes: number): void {
    this.#total += bytes - (this.#bytes.get(connection) ?? 0)
    this.#bytes.set(connection, bytes)
    while (this.#total > this.#bytesMax) this.#closeOldest()
  }

  /** A connection has no incomplete packet any more. */
  end(connection: IncompleteConnection): void {
    const bytes = this.#bytes.get(connection)
    if (bytes === undefined) return
    this.#total -= bytes
    this.#bytes.delete(connection)
  }

  #closeOldest(): void {
    const average = this.#total / this.#bytes.size
    for (const [connection, bytes] of this.#bytes) {
      if (bytes < average) continue
      this.end(connection)
      connection.closeIncomplete()
      return
    }
  }
}
