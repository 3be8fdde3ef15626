import type { SiteEdge } from '../../support/site.ts'
import type { Field } from './field.ts'

interface Common {
  readonly key: string
  /** What the attacker does, for people. */
  readonly title: string
}

/** A device against an edge. */
export interface DeviceAttack extends Common {
  readonly victim: 'edge'
  /** Settings of the edge. */
  readonly settings?: Record<string, unknown>
  run(field: Field, edge: SiteEdge): Promise<void>
}

/** A receiver, or a person at the cloud broker, against the edge that sends to it. */
export interface CloudAttack extends Common {
  readonly victim: 'uplink'
  /** Settings of the uplink. */
  readonly uplink?: Record<string, unknown>
  run(field: Field): Promise<void>
}

/** An edge against the receiver that other edges use, too. */
export interface EdgeAttack extends Common {
  readonly victim: 'receiver'
  run(field: Field): Promise<void>
}

export type Attack = DeviceAttack | CloudAttack | EdgeAttack
