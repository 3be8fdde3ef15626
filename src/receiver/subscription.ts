import { type Link, LinkError } from '../link/link.ts'
import { upFilter } from './open-message.ts'

/** Whether a receiver shares the batches with the other receivers of its group, or gets all of them. */
export type Sharing = 'shared' | 'plain'

/**
 * Subscribes to the batches of all edges: with a shared subscription if the broker supports it, otherwise with a
 * plain one. Ends a subscription of the other kind that an earlier connection of the same client id may have left.
 *
 * The session must be shorter than the time after which edges resend unanswered messages (15 s by default); the
 * setting `sessionExpiryS` controls it. Measured with Mosquitto 2.0: it keeps assigning an absent member of a group
 * its share and passes nothing of it to the other members, neither queued messages nor messages in flight. With a
 * session of one hour, half of all batches were not delivered while one of two receivers was dead. Without any
 * session, a receiver that restarts misses the messages that were sent meanwhile, and every edge waits for its
 * timeout. If it returns within ten seconds it gets all of them, and one that does not return delays each edge once.
 * @throws LinkError when the broker refuses the plain subscription too, or the link ends
 */
export async function subscribeToBatches(
  link: Link,
  { prefix, group }: { prefix: string; group: string },
): Promise<Sharing> {
  const plain = upFilter(prefix)
  const shared = `$share/${group}/${plain}`
  if (link.sharedSubscriptions) {
    try {
      await link.subscribe(shared, 1)
      if (link.sessionPresent) await link.unsubscribe(plain)
      return 'shared'
    } catch (failure) {
      if (!(failure instanceof LinkError && failure.kind === 'refused')) throw failure
    }
  }
  await link.subscribe(plain, 1)
  return 'plain'
}
