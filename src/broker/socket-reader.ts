import type { Socket } from 'node:net'
import type { Client } from 'aedes'
import type { FastPath, Sender } from './fast-path.ts'
import { type Frame, type PlainPublish, readFrame, readPlainPublish } from './framing.ts'
import { REFUSED_CLOSE_MS } from './intake.ts'

/** Private members of an Aedes client; private-members.ts checks them at start. */
interface InnerClient {
  readonly id: string
  readonly closed: boolean
  readonly connecting: boolean
  readonly connected: boolean
  readonly connackSent: boolean
  readonly _keepaliveTimer: NodeJS.Timeout | null
  readonly _parser: { readonly _list: { readonly length: number }; parse(bytes: Buffer): unknown }
  /** Called when a packet is done. */
  _nextBatch: (failure?: Error | null) => void
  /** Packets that are parsed and not done. */
  _parsingBatch: number
  once(event: 'connected', listener: () => void): unknown
  emit(event: 'error', failure: Error): unknown
}

export interface SocketReaderDependencies {
  readonly fastPath: FastPath
  readonly packetBytesMax: number
  /** `isBusy`: packets of this client wait for an earlier one, and the fast path must not overtake them. */
  readonly order: { readonly isBusy: boolean }
  /** Whether reading may continue. */
  isOpen(): boolean
  /** Called when reading has stopped. Call `reopen` when `isOpen` may have become true again. */
  onHeld(socketReader: SocketReader): void
}

/** An incomplete packet waits here up to this size (bytes); a larger one waits in Aedes' parser. */
const WAITING_BYTES_MAX = 65_536

const frame: Frame = { start: 0, body: 0, end: 0 }
const publish: PlainPublish = { topic: '', qos: 0, dup: false, messageId: 0, payload: Buffer.alloc(0) }
const NOTHING = Buffer.alloc(0)

/**
 * Reads a client's socket: cuts the bytes into packets and gives them to the fast path or to Aedes. At a bound it stops
 * reading, and TCP slows the device down; nothing is dropped.
 *
 * Aedes itself pulls: it listens to 'readable' and continues when all packets of the last read are done. That costs
 * more than the rest of a small publish, leaves a PINGREQ unanswered during a slow commit, and is no bound when each
 * publish arrives in a TCP segment of its own. Here the socket pushes data, and the number of packets in progress is
 * the bound. (`client.pause()` of Aedes cannot be used: it never continues.)
 */
export class SocketReader implements Sender {
  readonly socket: Socket
  readonly #client: InnerClient
  readonly #deps: SocketReaderDependencies
  #waiting: Buffer = NOTHING
  #held = false

  constructor(socket: Socket, client: Client, dependencies: SocketReaderDependencies) {
    this.socket = socket
    this.#client = client as unknown as InnerClient
    this.#deps = dependencies
    socket.removeListener('readable', this.#client._nextBatch)
    this.#client._parsingBatch = 0
    this.#client._nextBatch = (failure) => this.done(failure ?? undefined)
    socket.on('data', (bytes) => this.#take(bytes))
    socket.on('drain', () => this.reopen())
    this.#client.once('connected', () => this.reopen())
  }

  get id(): string {
    return this.#client.id
  }

  /** Packets of this client that are in progress. */
  get pending(): number {
    return this.#client._parsingBatch
  }

  /** Whether reading has stopped. */
  get held(): boolean {
    return this.#held && !this.#client.closed
  }

  #take(received: Buffer): void {
    if (this.#client.closed) return
    const bytes = this.#waiting.length === 0 ? received : Buffer.concat([this.#waiting, received])
    this.#waiting = NOTHING
    if (!this.#client.connected || this.#client._parser._list.length > 0) this.#client._parser.parse(bytes)
    else this.#cut(bytes)
    if (this.#mayGoOn) return
    this.#held = true
    this.socket.pause()
    this.#deps.onHeld(this)
  }

  /** Packet by packet. Aedes gets its packets in order, in runs as long as possible. */
  #cut(bytes: Buffer): void {
    let run = 0
    let at = 0
    while (at < bytes.length && !this.#client.closed) {
      const found = readFrame(bytes, at, frame)
      const { body, end } = frame
      const whole = found === 'frame' && end <= bytes.length
      if (found === 'malformed' || (found === 'frame' && end - body > this.#deps.packetBytesMax)) break
      if (!whole) {
        if (found === 'frame' && end - at > WAITING_BYTES_MAX) break
        this.#parse(bytes, run, at)
        this.#waiting = Buffer.from(bytes.subarray(at))
        return
      }
      if (readPlainPublish(bytes, frame, publish)) {
        this.#parse(bytes, run, at)
        if (this.#client.closed) return
        run = this.#fastPath() ? end : at
      }
      at = end
    }
    this.#parse(bytes, run, bytes.length)
  }

  #parse(bytes: Buffer, start: number, end: number): void {
    if (start < end && !this.#client.closed) this.#client._parser.parse(bytes.subarray(start, end))
  }

  #fastPath(): boolean {
    if (this.#deps.order.isBusy) return false
    this.#client._parsingBatch++
    if (this.#deps.fastPath.take(publish, this)) {
      this.#client._keepaliveTimer?.refresh()
      return true
    }
    this.#client._parsingBatch--
    return false
  }

  /** A packet is done. Replaces Aedes' `_nextBatch`, which continues reading after the last packet of a read. */
  done(failure: Error | undefined): void {
    const client = this.#client
    if (failure !== undefined) {
      client.emit('error', failure)
      return
    }
    if (client._parsingBatch > 0) client._parsingBatch--
    if (this.#held) this.reopen()
  }

  closeSoon(failure: Error): void {
    this.#closing ??= setTimeout(() => {
      if (!this.#client.closed) this.#client.emit('error', failure)
    }, REFUSED_CLOSE_MS).unref()
  }
  #closing: NodeJS.Timeout | undefined

  /** Bytes between CONNECT and CONNACK wait in the socket: Aedes would queue them, and its queue is short. */
  get #mayGoOn(): boolean {
    const { connecting, connackSent } = this.#client
    return !(connecting && !connackSent) && this.#deps.isOpen()
  }

  /** Continues reading if it may. */
  reopen(): void {
    if (!this.#held || !this.#mayGoOn) return
    this.#held = false
    this.socket.resume()
  }
}
