import { PublishRefused } from '../base/errors.ts'

/** What the broker needs to have readings and messages stored. */
export interface Intake {
  /** Whether a topic has a route: its publishes must be on the disk before they are acknowledged. */
  keeps(topic: string): boolean
  /**
   * Which local subscribers get a publish that is kept. `fresh`: all, but it is not retained; `none`: no subscriber.
   */
  delivers(topic: string): 'all' | 'fresh' | 'none'
  /**
   * Takes a publish and copies the payload before it returns; one without a route is kept as it is. Settles once, when
   * the publish is on disk or cannot be stored.
   */
  offer(publish: IntakePublish, settle: Settle, incoming?: IncomingId): void
  /** Settles when it is on disk that this QoS 2 identifier is free again. */
  release(id: IncomingId, settle: Settle): void
  /** Frees all QoS 2 identifiers of this client. */
  forget(client: string): void
  /** Payload bytes of publishes that were taken and are not settled. */
  readonly pendingBytes: number
}

export interface IntakePublish {
  readonly topic: string
  readonly payload: Uint8Array
  readonly client: string
  readonly dup: boolean
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
}

export interface IncomingId {
  readonly client: string
  readonly messageId: number
}

/** Must not throw: the publishes of a commit are settled one after the other. */
export type Settle = (failure: Error | undefined) => void

/**
 * A refused publish closes its connection after this time (ms): MQTT 3.1.1 has no other way to make a client send it
 * again. Until then, the other publishes of the connection are stored and acknowledged. A gateway that sends readings
 * of many devices loses little by a refusal, and a client that is always refused reconnects at most this often.
 */
export const REFUSED_CLOSE_MS = 5_000

/** Passes on why a publish was not stored; if only this publish is refused, after `REFUSED_CLOSE_MS`. */
export function settleLater(failure: Error | undefined, settle: Settle): void {
  if (failure instanceof PublishRefused) setTimeout(() => settle(failure), REFUSED_CLOSE_MS).unref()
  else settle(failure)
}

/** Settles a publish whose topic has no route (`broker.unrouted: refuse`). */
export function unroutedRefused(): PublishRefused {
  return new PublishRefused('not stored: the topic has no route and no local subscriber')
}

/** For a broker that stores nothing: every topic is ordinary MQTT. */
export const noIntake: Intake = {
  keeps: () => false,
  delivers: () => 'all',
  offer: (_publish, settle) => settle(undefined),
  release: (_id, settle) => settle(undefined),
  forget: () => undefined,
  pendingBytes: 0,
}
