import type { Socket } from 'node:net'
import type { Client } from 'aedes'
import type { AckWriter } from './ack-writer.ts'
import type { Intake } from './intake.ts'
import type { TopicRules } from './rules.ts'

/** QoS 2 publishes of one client that wait for their PUBREL; one more closes the connection. */
const INCOMING_MAX = 1_000

/** A PUBLISH as Aedes hands it over, or a will, which has no `cmd`. */
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
  /** Unreleased QoS 2 publishes of a client. */
  incomingCount(client: string): number
  readonly acks: AckWriter
  /** A publish is settled: sockets that were held may be read again. */
  onSettled(): void
}

/**
 * The held acknowledgement, for what does not take the express. Aedes writes PUBACK right after `authorizePublish` calls back, before anything else sees
 * the message, so this is the one place to wait for the disk. Calling back with an error closes the connection without
 * an acknowledgement: in MQTT 3.1.1 that is the way to say "not stored", and the device sends again.
 *
 * QoS 2 is only checked here, since this runs again for every repeat; it waits in the persistence, where a packet is
 * known to be new. Wills come without `cmd`, from a client that is gone: nobody waits for them, they are stored all the
 * same.
 */
export function holdPublishes(dependencies: HoldDependencies) {
  const { intake, rules, acks, incomingCount, onSettled } = dependencies
  return (client: Client | null, packet: Publish, callback: (failure?: Error | null) => void): void => {
    const problem = rules.problem(packet.topic)
    if (problem !== undefined) return callback(new Error(`publish refused: ${problem}`))
    const isWill = packet.cmd === undefined
    if (packet.qos > 0 && packet.messageId === 0) return callback(new Error('publish refused: message id 0'))
    if (packet.qos === 2 && !isWill) {
      const full = client !== null && incomingCount(client.id) >= INCOMING_MAX
      return callback(full ? new Error(`more than ${INCOMING_MAX} QoS 2 publishes wait for PUBREL`) : null)
    }
    if (!intake.keeps(packet.topic)) return callback(null)

    const { topic, qos } = packet
    const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload
    const flags = { qos, retain: packet.retain === true, dup: packet.dup === true && qos > 0 }
    intake.offer({ topic, payload, client: client?.id ?? '', ...flags }, (failure) => {
      // Acknowledgements leave in the order of the publishes, whichever way those took.
      if (client !== null) acks.flush(client.conn as Socket)
      // QoS 0 carries no promise: what could not be stored is lost, and the connection stays.
      callback(qos === 0 ? null : (failure ?? null))
      onSettled()
    })
  }
}
