import type { Socket } from 'node:net'

/**
 * Stops reading a socket while its client has too much that is not on the disk yet. TCP then slows the device down;
 * nothing is dropped.
 *
 * Aedes waits with the next read for the acknowledgements of the last one, but not where every publish comes in a
 * segment of its own: each 'readable' event reads on. So the gate sits at `read` itself. (`client.pause()` of Aedes
 * cannot be used: it never reads again.)
 */
export class ReadGate {
  readonly #socket: Socket
  #held = false

  constructor(socket: Socket, isOpen: () => boolean, onHeld: (gate: ReadGate) => void) {
    this.#socket = socket
    const read = socket.read.bind(socket)
    socket.read = (size?: number) => {
      if (isOpen()) return read(size)
      if (!this.#held) {
        this.#held = true
        onHeld(this)
      }
      return null
    }
    socket.on('drain', () => this.reopen())
  }

  /** Reads on. Call it when `isOpen` has become true again. */
  reopen(): void {
    if (!this.#held) return
    this.#held = false
    if (!this.#socket.destroyed) this.#socket.emit('readable')
  }
}
