import { Readable } from 'node:stream'
import type { BrokerPersistence } from '../persistence.ts'
import type { Guard } from './guard.ts'

type Method = (...args: unknown[]) => unknown
type Cause = { readonly id?: string; readonly conn?: { destroy(): unknown } } | undefined

/** A rejection is an answer: "no such packet", "not stored". Aedes handles it. */
const ANSWERING = ['incomingGetPacket', 'incomingStorePacket', 'incomingDelPacket', 'outgoingUpdate'] as const
/** Aedes handles a rejection: it disconnects the client. */
const REJECTING = [
  'addSubscriptions',
  'removeSubscriptions',
  'subscriptionsByClient',
  'cleanSubscriptions',
  'outgoingEnqueue',
  'outgoingEnqueueCombi',
  'outgoingClearMessageId',
  'cleanIncoming',
  'putWill',
] as const
/**
 * A rejection would end the process or leave a publish without an end. The methods resolve with this value instead.
 */
const RESOLVING: Readonly<Record<string, () => unknown>> = {
  storeRetained: () => undefined,
  delWill: () => undefined,
  subscriptionsByTopic: () => [],
}
/** Aedes does not listen for errors of all these streams: one would end the process. */
const STREAMING = ['createRetainedStream', 'createRetainedStreamCombi', 'outgoingStream', 'streamWill'] as const

/** Replaces the methods that Aedes calls: none throws, and none rejects where Aedes does not expect it. */
export function guardPersistence(persistence: BrokerPersistence, guard: Guard): void {
  const methods = persistence as unknown as Record<string, Method>
  const replace = (name: string, wrap: (call: () => unknown, cause: Cause) => unknown): void => {
    const method = methods[name]!.bind(persistence)
    methods[name] = (...args) => wrap(() => method(...args), args[0] as Cause)
  }
  for (const name of ANSWERING) replace(name, async (call) => call())
  for (const name of REJECTING) {
    replace(name, async (call, cause) => {
      try {
        return await call()
      } catch (failure) {
        guard.note(name, failure, cause)
        throw failure
      }
    })
  }
  for (const [name, otherwise] of Object.entries(RESOLVING)) {
    replace(name, async (call, cause) => {
      try {
        return await call()
      } catch (failure) {
        guard.note(name, failure, cause)
        return otherwise()
      }
    })
  }
  for (const name of STREAMING) {
    replace(name, (call) => {
      const stream = guard.run(name, { cause: undefined, otherwise: undefined }, call) as Readable | undefined
      return stream?.on('error', (failure) => guard.note(name, failure)) ?? Readable.from([])
    })
  }
}
