import type { EventEmitter } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { Aedes, type AuthenticateError, type ConnectPacket } from 'aedes'
import { codeOf, Exit, messageOf, OperatorError } from '../base/errors.ts'
import type { Part } from '../base/lifecycle.ts'
import type { Log } from '../base/log.ts'
import type { BrokerSettings } from '../settings/edge.ts'
import { holdPublishes } from './ack-hold.ts'
import { AckWriter } from './ack-writer.ts'
import { ClientState, type ClientStateStats } from './client-state.ts'
import { mayForward } from './delivery.ts'
import { FastPath } from './fast-path.ts'
import { limitFilters } from './filter-count.ts'
import type { IncomingId, Intake } from './intake.ts'
import { limitPackets } from './packet-limit.ts'
import { assertPrivateMembers } from './private-members.ts'
import { connectProblem, identifierRefused, TopicRules } from './rules.ts'
import { SocketReader } from './socket-reader.ts'
import { requireUtf8 } from './utf8-strings.ts'

/** A subscriber that reads nothing for this long is disconnected (milliseconds). */
const DRAIN_TIMEOUT_MS = 10_000

/**
 * Connections that the kernel queues until they are accepted: after a power cut all devices of a site connect at once.
 */
const BACKLOG = 4_096
/** Packets that may arrive together with the CONNECT. One read of the socket bounds their bytes (64 KiB). */
const EARLY_PACKETS_MAX = 32_768
/**
 * Unsent bytes to a client from which on the broker stops reading from it: the client does not read its
 * acknowledgements.
 */
const UNREAD_BYTES_MAX = 65_536

export interface BrokerStats extends ClientStateStats {
  readonly connections: number
  /** Connections refused because `broker.connectionsMax` were open. */
  readonly refused: number
  /** Connections closed because of a string that is not well-formed UTF-8 or contains U+0000. */
  readonly illFormed: number
  /** Messages dropped because the queue of a subscriber was full or given up. */
  readonly dropped: number
}

export interface BrokerDependencies {
  readonly intake: Intake
  /** QoS 2 packet identifiers that are stored on disk. */
  readonly incoming: readonly IncomingId[]
  readonly log: Log
}

/**
 * The MQTT 3.1 and 3.1.1 broker for devices. A publish that the intake keeps is acknowledged when the intake has
 * settled it.
 */
export class Broker implements Part {
  readonly name = 'broker'
  readonly #settings: BrokerSettings
  readonly #log: Log
  readonly #intake: Intake
  readonly #state: ClientState
  readonly #rules = new TopicRules()
  readonly #acks = new AckWriter()
  readonly #fastPath: FastPath
  readonly #sockets = new Set<Socket>()
  readonly #held = new Set<SocketReader>()
  readonly #server: Server
  #aedes!: Aedes
  #delivery!: ReturnType<ClientState['follow']>
  #refused = 0
  #illFormed = 0

  private constructor(settings: BrokerSettings, { intake, incoming, log }: BrokerDependencies) {
    this.#settings = settings
    this.#log = log
    this.#intake = intake
    this.#state = new ClientState(settings, { intake, known: incoming, onSettled: () => this.#reopen() })
    this.#fastPath = new FastPath({
      intake,
      rules: this.#rules,
      acks: this.#acks,
      isWanted: (topic, qos) => this.#delivery.isWanted(topic, qos),
      onSettled: () => this.#reopen(),
    })
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket))
  }

  /**
   * Starts to listen. @throws OperatorError when the port is taken or not allowed, or a pinned package does not fit.
   */
  static async start(settings: BrokerSettings, dependencies: BrokerDependencies): Promise<Broker> {
    const broker = new Broker(settings, dependencies)
    broker.#aedes = await broker.#createAedes()
    try {
      assertPrivateMembers(broker.#aedes)
      await broker.#listen()
    } catch (failure) {
      await broker.stop()
      throw failure
    }
    return broker
  }

  /** Where devices connect. */
  get address(): { readonly host: string; readonly port: number } {
    const { address, port } = this.#server.address() as AddressInfo
    return { host: address, port }
  }

  stats(): BrokerStats {
    const { dropped } = this.#state.sessions
    const connections = this.#sockets.size
    return { connections, refused: this.#refused, illFormed: this.#illFormed, dropped, ...this.#state.stats() }
  }

  /** Sends a message of Tidegate itself to local subscribers. It carries no readings and is not stored. */
  publish(packet: { topic: string; payload: Buffer; qos: 0 | 1; retain: boolean }): void {
    const message = { cmd: 'publish' as const, dup: false, ...packet }
    this.#aedes.publish(message, (failure) => {
      if (failure)
        this.#log.warn({ topic: packet.topic, err: failure }, 'a message to local subscribers was not published')
    })
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      if (this.#server.listening) this.#server.close(() => resolve())
      else resolve()
    })
    await new Promise<void>((resolve) => this.#aedes.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
    await this.#state.persistence.destroy()
  }

  async #createAedes(): Promise<Aedes> {
    const aedes = await Aedes.createBroker({
      persistence: this.#state.persistence,
      mq: this.#state.subscribers,
      concurrency: 0,
      connectTimeout: this.#settings.connectTimeoutMs,
      drainTimeout: DRAIN_TIMEOUT_MS,
      queueLimit: EARLY_PACKETS_MAX,
      maxInflightInbound: 0,
      preConnect: (client, packet, callback) => {
        const problem = connectProblem(packet, this.#rules)
        if (problem !== undefined) return callback(new Error(problem), false)
        if (identifierRefused(packet)) this.#unidentified.add(client)
        if (packet.will) this.#willOf.set(client, packet.will)
        callback(null, true)
      },
      authenticate: (client, _username, _password, callback) => {
        const refuse = (message: string, returnCode: number): void =>
          callback(Object.assign(new Error(message), { returnCode }) as AuthenticateError, false)
        if (this.#unidentified.has(client)) return refuse('identifier rejected', 2)
        if (!this.#state.enter(client, this.#willOf.get(client))) return refuse('no room for the will', 3)
        callback(null, true)
      },
      authorizePublish: holdPublishes({
        intake: this.#intake,
        rules: this.#rules,
        acks: this.#acks,
        incomingCount: (client) => this.#state.incoming.count(client),
        onSettled: () => this.#reopen(),
      }),
      authorizeSubscribe: this.#state.subscribing.authorize,
      authorizeForward: (client, packet) => {
        const { slowSubscriberBytesMax } = this.#settings
        const queued = packet as Parameters<typeof mayForward>[1]
        return mayForward(client, queued, { sessions: this.#state.sessions, slowSubscriberBytesMax }) ? packet : null
      },
    })
    const events: EventEmitter = aedes
    events.on('error', (failure: Error) => this.#log.error({ err: failure }, 'the broker failed to handle a packet'))
    aedes.on('clientError', (client, failure) =>
      this.#log.debug({ client: client.id, err: failure }, 'a client was disconnected'),
    )
    aedes.on('connectionError', (_client, failure) => this.#log.debug({ err: failure }, 'a connection was refused'))
    this.#delivery = this.#state.follow(aedes)
    return aedes
  }

  readonly #unidentified = new WeakSet<object>()
  readonly #willOf = new WeakMap<object, NonNullable<ConnectPacket['will']>>()

  #accept(socket: Socket): void {
    if (this.#sockets.size >= this.#settings.connectionsMax) {
      this.#refused++
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    const { pendingPerClientMax, pendingBytesMax, packetBytesMax } = this.#settings
    const client = this.#aedes.handle(socket)
    limitPackets(client, packetBytesMax)
    limitFilters(client)
    requireUtf8(client, (problem) => this.#noteIllFormed(client.id, problem))
    const order = this.#state.attach(client, socket, () => socketReader.reopen())
    const isOpen = (): boolean =>
      !order.isBusy &&
      socketReader.pending < pendingPerClientMax &&
      this.#intake.pendingBytes < pendingBytesMax &&
      socket.writableLength < UNREAD_BYTES_MAX
    const onHeld = (held: SocketReader): void => void this.#held.add(held)
    const fastPath = this.#fastPath
    const socketReader = new SocketReader(socket, client, { fastPath, order, packetBytesMax, isOpen, onHeld })
  }

  /** Warns of the first, second, fourth, eighth … one: a client that reconnects for ever must not fill the log. */
  #noteIllFormed(client: string | undefined, problem: string): void {
    const count = ++this.#illFormed
    if ((count & (count - 1)) === 0) this.#log.warn({ client, count }, `a connection was closed: ${problem}`)
  }

  #reopen(): void {
    if (this.#held.size === 0 || this.#intake.pendingBytes >= this.#settings.pendingBytesMax) return
    const held = [...this.#held]
    this.#held.clear()
    setImmediate(() => {
      for (const socketReader of held) {
        socketReader.reopen()
        if (socketReader.held) this.#held.add(socketReader)
      }
    })
  }

  #listen(): Promise<void> {
    const { host, port } = this.#settings.tcp
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) => {
        const [problem, remedy] =
          codeOf(cause) === 'EADDRINUSE'
            ? ['the port is in use', 'stop the other broker, or set broker.tcp.port to a free one']
            : [
                messageOf(cause),
                'check broker.tcp.host and broker.tcp.port (ports below 1024 need root or CAP_NET_BIND_SERVICE)',
              ]
        const message = `cannot listen for devices on ${host}:${port}: ${problem}`
        reject(new OperatorError(message, { remedy, exitCode: Exit.UNAVAILABLE, cause }))
      })
      this.#server.listen({ port, host, backlog: BACKLOG }, () => resolve())
    })
  }
}
