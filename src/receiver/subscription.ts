import { type Link, LinkError } from '../link/link.ts'
import { upFilter } from './open-message.ts'

/** Whether a receiver shares the batches with the others of its group, or gets them all. */
export type Sharing = 'shared' | 'plain'

/**
 * Subscribes to the batches of all edges: together with the receivers of the same group where the broker can share
 * them out, else plainly. Ends what an earlier connection of the same client id may have left of the other kind.
 *
 * The session must be shorter than the time after which edges send again what has no answer (15 s by default), which is
 * what the setting `sessionExpiryS` is for. Tried with Mosquitto 2.0, which goes on to give an absent member of a group
 * its share and passes nothing of it on to the others, neither what waits nor what was on its way: with a session of an
 * hour half of all batches went nowhere for as long as one of two receivers was dead. Without any session a receiver that
 * is started anew misses what was sent meanwhile, and every edge waits for its time to pass. Within ten seconds it finds
 * all of it, and one that does not come back holds up each edge once.
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
