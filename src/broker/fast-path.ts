import type { Socket } from 'node:net'
import { PublishRefused } from '../base/errors.ts'
import type { AckWriter } from './ack-writer.ts'
import type { PlainPublish } from './framing.ts'
import type { Guard } from './guards/guard.ts'
import type { Intake } from './intake.ts'
import type { TopicRules } from './rules.ts'

export interface FastPathDependencies {
  readonly intake: Intake
  readonly rules: TopicRules
  readonly acks: AckWriter
  readonly guard: Guard
  /** Whether a local client gets a message on this topic. */
  isWanted(topic: string, qos: number): boolean
  /** Called when a publish is settled: reading from held sockets may continue. */
  onSettled(): void
}

/** The client that sent a publish; notified when it is done. */
export interface Sender {
  readonly id: string
  readonly socket: Socket
  /** One of its packets is done. With a failure the connection must be closed. */
  done(failure: Error | undefined): void
  /** One of its publishes is refused: the connection must be closed, but not at once (`REFUSED_CLOSE_MS`). */
  closeSoon(failure: Error): void
}

/**
 * The path of nearly all publishes of a site: readings that no local client subscribes to. They go from the socket to
 * the intake, and from its commit to the acknowledgement, without Aedes, which spends a packet object, four closures
 * and two turns of the event loop on each. Everything else (retained messages, QoS 2, topics with subscribers, all
 * other packets) goes through Aedes. The promises are the same on both paths.
 */
export class FastPath {
  readonly #deps: FastPathDependencies

  constructor(dependencies: FastPathDependencies) {
    this.#deps = dependencies
  }

  /** Takes the publish; false: it is of another kind or malformed, and Aedes must handle it. */
  take({ topic: decoded, qos, dup, messageId, payload }: PlainPublish, sender: Sender): boolean {
    const { intake, rules, acks, guard, isWanted, onSettled } = this.#deps
    if (qos === 1 && messageId === 0) return false
    const topic = rules.certain(decoded)
    if (topic === undefined || !intake.keeps(topic) || isWanted(topic, qos)) return false
    intake.offer({ topic, payload, client: sender.id, dup: dup && qos === 1, qos, retain: false }, (failure) => {
      try {
        if (qos === 0) sender.done(undefined)
        else if (failure instanceof PublishRefused) {
          sender.done(undefined)
          sender.closeSoon(failure)
        } else {
          if (failure === undefined) acks.add(sender.socket, messageId)
          sender.done(failure)
        }
        onSettled()
      } catch (thrown) {
        guard.note('settle', thrown, { id: sender.id, conn: sender.socket })
      }
    })
    return true
  }
}
