import type { Socket } from 'node:net'

/** PUBACK (MQTT 3.1.1 §3.4): type, remaining length, packet identifier. */
const PUBACK = 0x40
const PUBACK_BYTES = 4

/**
 * Writes the PUBACKs of the fast path: one write for each socket and commit.
 */
export class AckWriter {
  readonly #waiting = new Map<Socket, number[]>()
  #scheduled = false

  /** Acknowledges when the current task ends: all publishes of a commit are settled in one task. */
  add(socket: Socket, messageId: number): void {
    const ids = this.#waiting.get(socket)
    if (ids === undefined) this.#waiting.set(socket, [messageId])
    else ids.push(messageId)
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => this.#flush())
  }

  /** Writes the waiting PUBACKs of this socket at once: acknowledgements keep the order of the publishes. */
  flush(socket: Socket): void {
    const ids = this.#waiting.get(socket)
    if (ids === undefined) return
    this.#waiting.delete(socket)
    write(socket, ids)
  }

  #flush(): void {
    this.#scheduled = false
    for (const [socket, ids] of this.#waiting) write(socket, ids)
    this.#waiting.clear()
  }
}

function write(socket: Socket, ids: readonly number[]): void {
  if (!socket.writable) return
  const bytes = Buffer.allocUnsafe(ids.length * PUBACK_BYTES)
  let at = 0
  for (const id of ids) {
    bytes[at] = PUBACK
    bytes[at + 1] = 2
    bytes[at + 2] = id >> 8
    bytes[at + 3] = id & 0xff
    at += PUBACK_BYTES
  }
  socket.write(bytes)
}
