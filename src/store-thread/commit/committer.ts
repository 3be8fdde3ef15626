import type { QualityRule } from '../../settings/schema/quality.ts'
import { StoreFull } from '../../store/housekeeping/space.ts'
import type { Store } from '../../store/store.ts'
import { type Publish, readBatch } from '../batch-buffer.ts'
import type { BatchMessage, IdentifierChange } from '../protocol.ts'
import { WorkBudget } from '../work-budget.ts'
import { MessageWriter, type Target } from './message-writer.ts'
import { type CommitOutcome, newOutcome } from './outcome.ts'

/** What a publish counts for with its payload (bytes), in the estimate of what a commit takes on the disk. */
const BYTES_PER_PUBLISH = 64

/**
 * Turns a batch of publishes into one commit: decode, judge, append, count. When `commit` returns, the whole batch is
 * on disk; when it throws, nothing of the batch is stored.
 */
export class Committer {
  readonly #store: Store
  readonly writer: MessageWriter
  /**
   * Clients that began a clean session in a commit that failed: the next commit includes them, as it is not sent again.
   */
  readonly #forgotten = new Set<string>()
  readonly #budget = new WorkBudget()
  /** Clients with a message in this commit that must wait; so must those that they sent after it. */
  readonly #waiting = new Set<number>()

  constructor(store: Store, rules: readonly QualityRule[]) {
    this.#store = store
    this.writer = new MessageWriter(store, rules)
  }

  /**
   * On a full store, kept messages that are no readings give their room back before the batch is refused.
   * @param isLate publishes were returned that come before those of this batch: they are returned, too
   */
  commit(batch: BatchMessage, { isLate }: { readonly isLate: boolean }): CommitOutcome {
    for (;;) {
      try {
        return this.#commit(batch, isLate)
      } catch (failure) {
        if (!(this.#store.upkeep.space.explain(failure) instanceof StoreFull) || !this.#makeRoom()) throw failure
      }
    }
  }

  /** @returns false: there is nothing to remove */
  #makeRoom(): boolean {
    const { unrouted, rejects } = this.#store.intake
    const large = [unrouted, rejects].find(({ isLarge }) => isLarge)
    if (large !== undefined) this.#store.write(() => large.makeRoom())
    return large !== undefined
  }

  #commit(batch: BatchMessage, isLate: boolean): CommitOutcome {
    const { writer } = this
    writer.learn(batch)
    if (batch.count > 0) this.#store.upkeep.space.refuseIfFull(batch.bytes + BYTES_PER_PUBLISH * batch.count)
    const owed = [...this.#forgotten]
    for (const change of batch.identifiers) if (change.kind === 'forgotten') this.#forgotten.add(change.client)
    const outcome = newOutcome()
    let workedAt = 0
    this.#store.write(() => {
      writer.begin()
      this.#budget.begin()
      this.#waiting.clear()
      let place = 0
      for (const publish of readBatch(batch.buffer, batch.messagesMax, isLate ? 0 : batch.count)) {
        const target = writer.target(publish)
        if (this.#budget.endsBefore(publish.payload.length + target.topic.length)) break
        if (this.#waiting.size > 0 && this.#waiting.has(publish.client)) outcome.undone.push(place)
        else if (target.forward === undefined && target.isUnrouted !== true) {
          const taken = writer.take(publish, target, outcome)
          if (taken === 'no series') outcome.noSeries.push(place)
          else if (taken === 'wait') {
            outcome.undone.push(place)
            this.#waiting.add(publish.client)
          }
        } else if (!this.#keep(publish, target)) outcome.noRoom.push(place)
        else if (target.forward !== undefined) outcome.messages++
        place++
      }
      for (; place < batch.count; place++) outcome.undone.push(place)
      this.#store.intake.log.flush()
      if (batch.count > 0) this.#store.upkeep.space.refuseIfSpent()
      this.#store.amend(writer.takeAmendments())
      for (const client of owed) this.#store.intake.incoming.removeClient(client)
      const refused = new Set([...outcome.noRoom, ...outcome.noSeries, ...outcome.undone])
      for (const change of batch.identifiers) {
        if (change.kind !== 'received' || !refused.has(change.publish)) this.#change(change)
      }
      workedAt = performance.now()
    })
    if (batch.count > 0) this.#budget.committed(performance.now() - workedAt)
    this.#forgotten.clear()
    return outcome
  }

  #change(change: IdentifierChange): void {
    const { incoming } = this.#store.intake
    if (change.kind === 'received') incoming.add(change)
    else if (change.kind === 'released') incoming.remove(change)
    else incoming.removeClient(change.client)
  }

  /** Keeps a message unchanged: to be forwarded, or for a route that is added later. @returns false: there is no room */
  #keep(publish: Publish, { topic, forward }: Target): boolean {
    const { qos, retain, dup, arrival: receivedAt, payload } = publish
    const message = { topic, qos, retain, receivedAt, payload }
    if (forward !== undefined) return this.#store.delivery.forwards.add({ ...message, ...forward })
    return this.#store.intake.unrouted.add({ ...message, dup, client: this.writer.client(publish) })
  }
}
