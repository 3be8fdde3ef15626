/**
 * The part of Aedes' in-memory persistence that `BrokerPersistence` extends. The package has types for its callback
 * form only.
 */
declare module 'aedes-persistence/asyncPersistence.js' {
  import type { Client } from 'aedes'

  class MemoryPersistence {
    constructor(options?: object)
    setup(broker: unknown): Promise<void>
    storeRetained(packet: { topic: string; payload: Buffer; retain: boolean; qos: number }): Promise<void>
    addSubscriptions(client: Client, subscriptions: { topic: string; qos: number }[]): Promise<void>
    removeSubscriptions(client: Client, topics: string[]): Promise<void>
    cleanSubscriptions(client: Client): Promise<void>
    outgoingEnqueue(subscription: { clientId: string }, packet: object): Promise<void>
    outgoingEnqueueCombi(subscriptions: { clientId: string }[], packet: object): Promise<void>
    outgoingUpdate(client: Client, packet: object): Promise<void>
    outgoingClearMessageId(client: Client, packet: object): Promise<object | undefined>
    outgoingStream(client: Client): import('node:stream').Readable
    incomingGetPacket(client: Client, packet: object): Promise<object>
    incomingStorePacket(client: Client, packet: object): Promise<void>
    incomingDelPacket(client: Client, packet: object): Promise<void>
    cleanIncoming(client: Client): Promise<void>
  }
  export default MemoryPersistence
}
