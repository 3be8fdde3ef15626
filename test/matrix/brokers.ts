import { tempFolder } from '../../support/folder.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { startNats } from '../../support/nats.ts'
import { type Peer, peers } from '../../support/peers.ts'
import { startRabbitMq } from '../../support/rabbitmq.ts'

/** A real cloud broker that keeps its state on disk. */
export interface CloudBroker {
  readonly port: number
  readonly url: string
  /** Sends SIGKILL, and waits until the process has ended. */
  kill(): Promise<void>
  /** Starts it on the same port and folder. Resolves when it accepts connections. */
  restart(): Promise<void>
}

export interface BrokerKind {
  readonly key: string
  readonly title: string
  readonly peer: Peer
  readonly start: () => Promise<CloudBroker>
}

export const BROKERS: readonly BrokerKind[] = [
  {
    key: 'mosquitto',
    title: 'Mosquitto',
    peer: 'mosquitto',
    start: () => startMosquitto({ persistenceFolder: tempFolder() }),
  },
  { key: 'rabbitmq', title: 'RabbitMQ', peer: 'rabbitmq', start: startRabbitMq },
  { key: 'nats', title: 'NATS JetStream', peer: 'nats', start: startNats },
]

export function isInstalled({ peer }: BrokerKind): boolean {
  return peers[peer] !== undefined
}
