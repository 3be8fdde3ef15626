import type { Socket } from 'node:net'
import type { Client } from 'aedes'
import type { AckWriter } from './ack-writer.ts'
import type { Guard } from './guards/guard.ts'
import { PacketRefused } from './guards/refusals.ts'
import type { FateOf } from './guards/unrouted.ts'
import { type Intake, type Settle, settleLater, unroutedRefused } from './intake.ts'
import type { TopicRules } from './rules.ts'

/** QoS 2 publishes of one client that may wait for their PUBREL. One more closes the connection. */
const INCOMING_MAX = 1_000

/** A PUBLISH as Aedes passes it, or a will, which has no `cmd`. */
interface Publish {
  readonly cmd?: 'publish'
  readonly topic: string
  readonly payload: string | Buffer
  readonly qos: 0 | 1 | 2
  readonly retain?: boolean
  readonly dup?: boolean
  readonly messageId?: number | undefined
}

export interface HoldDependencies {
  readonly intake: Intake
  readonly rules: TopicRules
  readonly fateOf: FateOf
  /** Unreleased QoS 2 publishes of a client. */
  incomingCount(client: string): number
  readonly acks: AckWriter
  readonly guard: Guard
  /** Called when a publish is settled: reading from held sockets may continue. */
  onSettled(): void
}

/**
 * Holds the acknowledgement of publishes that do not take the fast path. Aedes writes PUBACK right after
 * `authorizePublish` calls back, before anything else sees the message, so this is the one place to wait for the disk.
 * Calling back with an error closes the connection without an acknowledgement: MQTT 3.1.1 has no other way to say "not
 * stored", and the device sends the message again.
 *
 * QoS 2 is only checked here, since this runs for every repeat; a QoS 2 publish waits in the persistence, which knows
 * whether the packet is new. Wills have no `cmd`, their client is gone, and they are stored like other publishes.
 */
export function holdPublishes(dependencies: HoldDependencies) {
  const { intake, rules, fateOf, acks, guard, incomingCount, onSettled } = dependencies
  return (client: Client | null, packet: Publish, callback: (failure?: Error | null) => void): void => {
    const problem = rules.problem(packet.topic)
    if (problem !== undefined) return callback(new PacketRefused('topic', `publish refused: ${problem}`))
    const isWill = packet.cmd === undefined
    if (packet.qos > 0 && packet.messageId === 0) {
      return callback(new PacketRefused('messageId', 'publish refused: message id 0'))
    }
    if (packet.qos === 2 && !isWill) {
      const full = client !== null && incomingCount(client.id) >= INCOMING_MAX
      if (!full) return callback(null)
      return callback(new PacketRefused('qos2Window', `more than ${INCOMING_MAX} QoS 2 publishes wait for PUBREL`))
    }
    const fate = fateOf(packet)
    if (fate === 'pass') return callback(null)

    const { topic, qos } = packet
    const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload
    const flags = { qos, retain: packet.retain === true, dup: packet.dup === true && qos > 0 }
    const settle: Settle = (failure) => {
      // Acknowledgements are sent in the order of the publishes, whether they took the fast path or not.
      if (client !== null) acks.flush(client.conn as Socket)
      // QoS 0 has no promise: a message that could not be stored is lost, and the connection stays open.
      settleLater(qos === 0 ? undefined : failure, (why) => {
        callback(why ?? null)
        onSettled()
      })
    }
    if (fate === 'refuse') settle(unroutedRefused())
    else intake.offer({ topic, payload, client: client?.id ?? '', ...flags }, guard.settling('settle', client, settle))
  }
}
