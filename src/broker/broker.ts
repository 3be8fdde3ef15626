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
import { limitFilters } from './guards/filter-count.ts'
import { guardHooks } from './guards/guard.ts'
import { type GuardStats, Guards } from './guards/guards.ts'
import { guardPersistence } from './guards/persistence-guard.ts'
import { PacketRefused } from './guards/refusals.ts'
import { watchTakeovers } from './guards/takeovers.ts'
import type { Fate, UnroutedPublish } from './guards/unrouted.ts'
import type { IncomingId, Intake } from './intake.ts'
import { OwnMessages } from './own-messages.ts'
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
/**
 * The share of the free part of `pendingBytesMax` that the publishes of one client may take. So no client takes all, and
 * one that has nothing in progress is always read. (Dynamic thresholds: Choudhury and Hahne 1998.)
 */
const FREE_SHARE = 0.25

export interface BrokerStats extends GuardStats, ClientStateStats {
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
  readonly #guards: Guards
  readonly #held = new Set<SocketReader>()
  readonly #server: Server
  #aedes!: Aedes
  #delivery!: ReturnType<ClientState['follow']>
  #own!: OwnMessages
  #reopening = false

  private constructor(settings: BrokerSettings, { intake, incoming, log }: BrokerDependencies) {
    this.#settings = settings
    this.#log = log
    this.#guards = new Guards(settings, log)
    this.#intake = intake
    const { guard } = this.#guards
    this.#state = new ClientState(settings, {
      intake,
      guard,
      fateOf: (publish) => this.#fateOf(publish),
      known: incoming,
      onSettled: () => this.#reopen(),
    })
    this.#fastPath = new FastPath({
      intake,
      rules: this.#rules,
      acks: this.#acks,
      guard,
      isWanted: (topic, qos) => this.#delivery.isWanted(topic, qos),
      onSettled: () => this.#reopen(),
    })
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket))
  }

  /** A broker that does not listen yet. @throws OperatorError when a pinned package does not fit. */
  static async create(settings: BrokerSettings, dependencies: BrokerDependencies): Promise<Broker> {
    const broker = new Broker(settings, dependencies)
    broker.#aedes = await broker.#createAedes()
    try {
      assertPrivateMembers(broker.#aedes)
    } catch (failure) {
      await broker.stop()
      throw failure
    }
    return broker
  }

  /** Creates a broker and listens. @throws OperatorError as `create` and `listen` do; nothing is left running then. */
  static async start(settings: BrokerSettings, dependencies: BrokerDependencies): Promise<Broker> {
    const broker = await Broker.create(settings, dependencies)
    try {
      await broker.listen()
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
    return { ...this.#guards.stats, ...this.#state.stats(), dropped }
  }

  /** Messages of Tidegate itself for local subscribers. */
  get own(): OwnMessages {
    return this.#own
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      if (this.#server.listening) this.#server.close(() => resolve())
      else resolve()
    })
    await new Promise<void>((resolve) => this.#aedes.close(() => resolve()))
    this.#guards.connections.closeAll()
    await closed
    this.#state.stop()
  }

  async #createAedes(): Promise<Aedes> {
    const { guard, refusals, takeovers, unrouted } = this.#guards
    guardPersistence(this.#state.persistence, guard)
    const aedes = await Aedes.createBroker({
      persistence: this.#state.persistence,
      mq: this.#state.subscribers,
      concurrency: 0,
      connectTimeout: this.#settings.connectTimeoutMs,
      drainTimeout: DRAIN_TIMEOUT_MS,
      queueLimit: EARLY_PACKETS_MAX,
      maxInflightInbound: 0,
      ...this.#hooks(),
    })
    const events: EventEmitter = aedes
    events.on('error', (failure: Error) => this.#log.error({ err: failure }, 'the broker failed to handle a packet'))
    const noteRefusal = (client: string | null, failure: Error): void => {
      if (failure instanceof PacketRefused) refusals.note(failure.reason, { client, what: failure.message })
    }
    aedes.on('clientError', (client, failure) => {
      noteRefusal(client.id, failure)
      this.#log.debug({ client: client.id, err: failure }, 'a client was disconnected')
    })
    aedes.on('connectionError', (_client, failure) => {
      noteRefusal(null, failure)
      this.#log.debug({ err: failure }, 'a connection was refused')
    })
    watchTakeovers(aedes, takeovers, guard)
    this.#delivery = this.#state.follow(aedes, unrouted)
    this.#own = new OwnMessages({ aedes, log: this.#log, ...this.#state.local })
    return aedes
  }

  #hooks(): ReturnType<typeof guardHooks> {
    const { guard, refusals } = this.#guards
    return guardHooks(guard, {
      preConnect: (client, packet, callback) => {
        const problem = connectProblem(packet, this.#rules)
        if (problem !== undefined) return callback(problem, false)
        if (identifierRefused(packet)) this.#unidentified.add(client)
        if (packet.will) this.#willOf.set(client, packet.will)
        callback(null, true)
      },
      authenticate: (client, _username, _password, callback) => {
        const refuse = (problem: PacketRefused, returnCode: number): void =>
          callback(Object.assign(problem, { returnCode }) as AuthenticateError, false)
        if (this.#unidentified.has(client)) return refuse(new PacketRefused('clientId', 'identifier rejected'), 2)
        const hasRoom = this.#state.enter(client, this.#willOf.get(client))
        if (!hasRoom) return refuse(new PacketRefused('will', 'the wills of all clients take too much memory'), 3)
        callback(null, true)
      },
      authorizePublish: holdPublishes({
        intake: this.#intake,
        rules: this.#rules,
        fateOf: (publish) => this.#fateOf(publish),
        acks: this.#acks,
        guard,
        incomingCount: (client) => this.#state.incoming.count(client),
        onSettled: () => this.#reopen(),
      }),
      authorizeSubscribe: this.#state.subscribing.authorize,
      authorizeForward: (client, packet) => {
        const { slowSubscriberBytesMax } = this.#settings
        const queued = packet as Parameters<typeof mayForward>[1]
        const { sessions } = this.#state
        if (!mayForward(client, queued, { sessions, refusals, slowSubscriberBytesMax })) return null
        this.#own.handed(client, queued)
        return packet
      },
    })
  }

  #fateOf(publish: UnroutedPublish): Fate {
    const { topic, qos } = publish
    if (this.#intake.keeps(topic)) return 'keep'
    return this.#guards.unrouted.fateOf(publish, this.#delivery.wouldTake(topic, qos))
  }

  readonly #unidentified = new WeakSet<object>()
  readonly #willOf = new WeakMap<object, NonNullable<ConnectPacket['will']>>()

  #accept(socket: Socket): void {
    const { guard, refusals, connections } = this.#guards
    const refused = connections.admit(socket)
    if (refused !== undefined) {
      refusals.note(refused, { what: `too many connections; this one is from ${socket.remoteAddress}` })
      socket.destroy()
      return
    }
    guard.run('accept', { cause: { conn: socket }, otherwise: undefined }, () => this.#handle(socket))
  }

  #handle(socket: Socket): void {
    const { guard, incomplete } = this.#guards
    const { pendingPerClientMax, pendingBytesMax, packetBytesMax } = this.#settings
    const client = this.#aedes.handle(socket)
    limitPackets(client, packetBytesMax)
    requireUtf8(client)
    limitFilters(client)
    const order = this.#state.attach(client, socket, () => socketReader.reopen())
    const isOpen = (): boolean =>
      !order.isBusy &&
      socketReader.pending < pendingPerClientMax &&
      socketReader.pendingBytes <= Math.max(0, pendingBytesMax - this.#intake.pendingBytes) * FREE_SHARE &&
      socket.writableLength < UNREAD_BYTES_MAX
    const onHeld = (held: SocketReader): void => void this.#held.add(held)
    const dependencies = { fastPath: this.#fastPath, guard, incomplete, order, packetBytesMax, isOpen, onHeld }
    const socketReader = new SocketReader(socket, client, dependencies)
  }

  /** Reads on from the sockets that were held, once for all publishes that are settled in this turn of the event loop. */
  #reopen(): void {
    if (this.#reopening || this.#held.size === 0) return
    this.#reopening = true
    setImmediate(() => {
      this.#reopening = false
      const held = [...this.#held]
      this.#held.clear()
      for (const socketReader of held) {
        socketReader.reopen()
        if (socketReader.held) this.#held.add(socketReader)
      }
    })
  }

  /** Lets devices in. @throws OperatorError when the port is taken or not allowed. */
  listen(): Promise<void> {
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
