import type { Socket } from 'node:net'
import type { Client } from 'aedes'
import type { FastPath, Sender } from './fast-path.ts'
import { type Frame, type PlainPublish, readFrame, readPlainPublish } from './framing.ts'
import { freeBytes } from './free-bytes.ts'
import type { Guard } from './guards/guard.ts'
import type { IncompleteConnection, IncompletePackets } from './guards/incomplete-packets.ts'
import { PacketRefused } from './guards/refusals.ts'
import { REFUSED_CLOSE_MS } from './intake.ts'
import { packetBytesLimit } from './packet-limit.ts'
import { PartialPacket } from './partial-packet.ts'

/** Private members of an Aedes client; private-members.ts checks them at start. */
interface InnerClient {
  readonly id: string
  readonly closed: boolean
  readonly connecting: boolean
  readonly connected: boolean
  readonly connackSent: boolean
  readonly _keepaliveTimer: NodeJS.Timeout | null
  readonly _parser: { parse(bytes: Buffer): unknown }
  /** Called when a packet is done. */
  _nextBatch: (failure?: Error | null) => void
  /** Packets that are parsed and not done. */
  _parsingBatch: number
  once(event: 'connected', listener: () => void): unknown
  emit(event: 'error', failure: Error): unknown
}

export interface SocketReaderDependencies {
  readonly fastPath: FastPath
  readonly guard: Guard
  readonly incomplete: IncompletePackets
  readonly packetBytesMax: number
  /** `isBusy`: packets of this client wait for an earlier one, and the fast path must not overtake them. */
  readonly order: { readonly isBusy: boolean }
  /** Whether reading may continue. */
  isOpen(): boolean
  /** Called when reading has stopped. Call `reopen` when `isOpen` may have become true again. */
  onHeld(socketReader: SocketReader): void
}

/** First byte of a CONNECT (MQTT 3.1.1 §3.1). */
const CONNECT = 0x10

const frame: Frame = { start: 0, body: 0, end: 0 }
const publish: PlainPublish = { topic: '', qos: 0, dup: false, messageId: 0, payload: Buffer.alloc(0) }

/**
 * Reads a client's socket: cuts the bytes into packets and gives them to the fast path or to Aedes. At a bound it stops
 * reading, and TCP slows the device down; nothing is dropped.
 *
 * Aedes itself pulls: it listens to 'readable' and continues when all packets of the last read are done. That costs
 * more than the rest of a small publish, leaves a PINGREQ unanswered during a slow commit, and is no bound when each
 * publish arrives in a TCP segment of its own. Here the socket pushes data, and the number of packets in progress is
 * the bound. (`client.pause()` of Aedes cannot be used: it never continues.)
 *
 * Aedes gets whole packets only: its parser keeps each received piece of a packet, whatever that costs.
 */
export class SocketReader implements Sender, IncompleteConnection {
  readonly socket: Socket
  readonly #client: InnerClient
  readonly #deps: SocketReaderDependencies
  readonly #partial = new PartialPacket()
  #held = false
  /** Aedes got a part of the bytes of this read, and may keep it. The fast path copies its part. */
  #isParsed = false
  /** Bytes that were read and whose packets are not done; all packets in progress count alike. */
  #pendingBytes = 0

  constructor(socket: Socket, client: Client, dependencies: SocketReaderDependencies) {
    this.socket = socket
    this.#client = client as unknown as InnerClient
    this.#deps = dependencies
    socket.removeListener('readable', this.#client._nextBatch)
    this.#client._parsingBatch = 0
    this.#client._nextBatch = (failure) => this.done(failure ?? undefined)
    socket.on('data', (bytes) => {
      try {
        this.#take(bytes)
      } catch (failure) {
        dependencies.guard.note('data', failure, { id: this.id, conn: socket })
      }
    })
    socket.on('drain', () => this.reopen())
    socket.once('close', () => this.#endPartial())
    this.#client.once('connected', () => this.reopen())
  }

  get id(): string {
    return this.#client.id
  }

  /** Packets of this client that are in progress. */
  get pending(): number {
    return this.#client._parsingBatch
  }

  /** About the bytes of these packets. */
  get pendingBytes(): number {
    return this.#client._parsingBatch === 0 ? 0 : this.#pendingBytes
  }

  /** Whether reading has stopped. */
  get held(): boolean {
    return this.#held && !this.#client.closed
  }

  #take(received: Buffer): void {
    if (this.#client.closed) return
    this.#pendingBytes = this.pendingBytes + received.length
    const bytes = this.#partial.add(received)
    if (bytes === undefined) this.#deps.incomplete.note(this, this.#partial.bytes)
    else {
      this.#deps.incomplete.end(this)
      this.#isParsed = false
      this.#cut(bytes)
      if (!this.#isParsed) freeBytes(bytes)
    }
    if (this.#mayGoOn) return
    this.#held = true
    this.socket.pause()
    this.#deps.onHeld(this)
  }

  /** Packet by packet. Aedes gets its packets in order, in runs as long as possible. */
  #cut(bytes: Buffer): void {
    if (!this.#client.connecting && !this.#client.connected && bytes[0] !== CONNECT) {
      this.#client.emit('error', new PacketRefused('malformed', 'the first packet is not a CONNECT'))
      return
    }
    let run = 0
    let at = 0
    while (at < bytes.length && !this.#client.closed) {
      const found = readFrame(bytes, at, frame)
      const { body, end } = frame
      if (found === 'malformed' || (found === 'frame' && end - body > this.#packetBytesMax(at === 0))) break
      if (found === 'short' || end > bytes.length) {
        this.#parse(bytes, run, at)
        this.#begin(bytes.subarray(at), found === 'short' ? bytes.length - at + 1 : end - at)
        return
      }
      if (this.#client.connected && readPlainPublish(bytes, frame, publish)) {
        this.#parse(bytes, run, at)
        if (this.#client.closed) return
        run = this.#fastPath() ? end : at
      }
      at = end
    }
    this.#parse(bytes, run, bytes.length)
  }

  /** Before the login, the first packet must be a small one. */
  #packetBytesMax(isFirst: boolean): number {
    return isFirst ? packetBytesLimit(this.#client, this.#deps.packetBytesMax) : this.#deps.packetBytesMax
  }

  #begin(received: Buffer, completeAt: number): void {
    if (this.#client.closed) return
    this.#partial.begin(received, completeAt)
    this.#deps.incomplete.note(this, this.#partial.bytes)
  }

  #endPartial(): void {
    this.#partial.clear()
    this.#deps.incomplete.end(this)
  }

  closeIncomplete(): void {
    this.#partial.clear()
    this.#client.emit('error', new PacketRefused('incomplete', 'incomplete packets take too many bytes'))
  }

  #parse(bytes: Buffer, start: number, end: number): void {
    if (start >= end || this.#client.closed) return
    this.#isParsed = true
    this.#client._parser.parse(bytes.subarray(start, end))
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
    if (client._parsingBatch > 0) {
      this.#pendingBytes -= Math.trunc(this.#pendingBytes / client._parsingBatch)
      client._parsingBatch--
    }
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
    try {
      if (!this.#held || !this.#mayGoOn) return
      this.#held = false
      this.socket.resume()
    } catch (failure) {
      this.#deps.guard.note('reopen', failure, { id: this.id, conn: this.socket })
    }
  }
}
