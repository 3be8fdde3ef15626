import type { Socket } from 'node:net'
import type { Client } from 'aedes'

/** The parts of an Aedes client that the inlet touches. They are private: the version is pinned. */
interface InnerClient {
  readonly closed: boolean
  readonly connecting: boolean
  readonly connackSent: boolean
  readonly _parser: { parse(bytes: Buffer): unknown }
  /** Called when a packet is done. */
  _nextBatch: (failure?: Error | null) => void
  /** Packets that were parsed and are not done. */
  _parsingBatch: number
  once(event: 'connected', listener: () => void): unknown
  emit(event: 'error', failure: Error): unknown
}

/**
 * Feeds what a socket receives to Aedes, for as long as the client may go on. Then TCP slows the device down; nothing is
 * dropped.
 *
 * Aedes itself pulls: it listens to 'readable', and reads on when all packets of the last read are done. That costs a
 * third of the work of a small publish, leaves a PINGREQ unanswered behind a slow commit, and is no bound where every
 * publish comes in a segment of its own. Here data is pushed, and Aedes' count of packets under way is the bound.
 * (`client.pause()` of Aedes cannot be used: it never reads again.)
 */
export class Inlet {
  readonly #socket: Socket
  readonly #client: InnerClient
  readonly #isOpen: () => boolean
  readonly #onHeld: (inlet: Inlet) => void
  #held = false

  /**
   * @param isOpen whether more may be read, whoever it is from
   * @param onHeld told when reading has stopped; `reopen` when `isOpen` may have become true again
   */
  constructor(socket: Socket, client: Client, isOpen: () => boolean, onHeld: (inlet: Inlet) => void) {
    this.#socket = socket
    this.#client = client as unknown as InnerClient
    this.#isOpen = isOpen
    this.#onHeld = onHeld
    socket.removeListener('readable', this.#client._nextBatch)
    this.#client._parsingBatch = 0
    this.#client._nextBatch = (failure) => this.#done(failure)
    socket.on('data', (bytes) => this.#take(bytes))
    socket.on('drain', () => this.reopen())
    this.#client.once('connected', () => this.reopen())
  }

  /** Whether reading has stopped. */
  get held(): boolean {
    return this.#held && !this.#client.closed
  }

  /** Packets of this client that are under way. */
  get pending(): number {
    return this.#client._parsingBatch
  }

  #take(bytes: Buffer): void {
    const { closed, _parser } = this.#client
    if (closed) return
    _parser.parse(bytes)
    if (this.#mayGoOn) return
    this.#held = true
    this.#socket.pause()
    this.#onHeld(this)
  }

  /** In place of Aedes' own, which reads on when the last packet of a read is done. */
  #done(failure: Error | null | undefined): void {
    const client = this.#client
    if (failure) {
      client.emit('error', failure)
      return
    }
    if (client._parsingBatch > 0) client._parsingBatch--
    if (this.#held) this.reopen()
  }

  /** What comes between CONNECT and CONNACK waits in the socket; Aedes would queue it, and has a short queue. */
  get #mayGoOn(): boolean {
    const { connecting, connackSent } = this.#client
    return !(connecting && !connackSent) && this.#isOpen()
  }

  /** Reads on where it may. */
  reopen(): void {
    if (!this.#held || !this.#mayGoOn) return
    this.#held = false
    this.#socket.resume()
  }
}
