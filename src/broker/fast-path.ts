import type { Socket } from 'node:net'
import type { AckWriter } from './ack-writer.ts'
import type { PlainPublish } from './framing.ts'
import type { Intake } from './intake.ts'
import type { TopicRules } from './rules.ts'

export interface FastPathDependencies {
  readonly intake: Intake
  readonly rules: TopicRules
  readonly acks: AckWriter
  /** Whether a local subscriber wants messages of this topic. */
  isWanted(topic: string): boolean
  /** A publish is settled: sockets that were held may be read again. */
  onSettled(): void
}

/** Whose publish it is, and who is told when it is done. */
export interface Sender {
  readonly id: string
  readonly socket: Socket
  /** One of its packets is done; with a failure the connection must end. */
  done(failure: Error | undefined): void
}

/**
 * The way of nearly all publishes of a site: readings that nobody but the disk wants. They go from the socket to the
 * intake and from its commit to the acknowledgement, without Aedes, for which such a publish is a packet object, four
 * closures and two turns of the event loop. Everything else (retained, QoS 2, topics that somebody subscribes to, all
 * other packets) takes Aedes' way; the promises are the same on both.
 */
export class FastPath {
  readonly #deps: FastPathDependencies

  constructor(dependencies: FastPathDependencies) {
    this.#deps = dependencies
  }

  /** Takes the publish, or returns false where it is not of that kind or not in order: then Aedes judges it. */
  take({ topic, qos, dup, messageId, payload }: PlainPublish, sender: Sender): boolean {
    const { intake, rules, acks, isWanted, onSettled } = this.#deps
    if (qos === 1 && messageId === 0) return false
    if (rules.problem(topic) !== undefined || !intake.keeps(topic) || isWanted(topic)) return false
    intake.offer({ topic, payload, client: sender.id, dup: dup && qos === 1, qos, retain: false }, (failure) => {
      if (qos === 0) sender.done(undefined)
      else {
        if (failure === undefined) acks.add(sender.socket, messageId)
        sender.done(failure)
      }
      onSettled()
    })
    return true
  }
}
