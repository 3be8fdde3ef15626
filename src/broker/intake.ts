/** What the broker needs of whoever keeps readings and messages. */
export interface Intake {
  /** Whether publishes on this topic must be on the disk before they are acknowledged. */
  keeps(topic: string): boolean
  /** What becomes at the broker of a publish that is kept: `fresh`: it is never retained; `none`: no subscriber gets it. */
  delivers(topic: string): 'all' | 'fresh' | 'none'
  /** Takes a publish; copies the payload before it returns; settles once, when it is on the disk or cannot be. */
  offer(publish: IntakePublish, settle: Settle, incoming?: IncomingId): void
  /** Settles when the disk knows that this QoS 2 identifier is free again. */
  release(id: IncomingId, settle: Settle): void
  /** None of this client's QoS 2 identifiers counts any more. */
  forget(client: string): void
  /** Payload bytes taken and not settled. */
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

export type Settle = (failure: Error | undefined) => void

/** For a broker that keeps nothing: every topic is ordinary MQTT. */
export const noIntake: Intake = {
  keeps: () => false,
  delivers: () => 'all',
  offer: (_publish, settle) => settle(undefined),
  release: (_id, settle) => settle(undefined),
  forget: () => undefined,
  pendingBytes: 0,
}
