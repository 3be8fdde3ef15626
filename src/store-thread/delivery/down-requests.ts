import { filterMatches } from '../../base/topics.ts'
import type { Store } from '../../store/store.ts'
import type { DownAdded, DownCalls, DownMessage, DownTurn } from '../down-protocol.ts'

/** Requests about messages from the cloud, on the store thread. */
export class DownRequests {
  readonly #store: Store
  /** Removed by an operator since the last turn: at most as many as the queue holds, since it asks at once. */
  #discarded: number[] = []

  constructor(store: Store) {
    this.#store = store
  }

  readonly handlers: {
    [Name in keyof DownCalls]: (request: DownCalls[Name]['request']) => DownCalls[Name]['reply']
  } = {
    downAdd: ({ messages }) => this.#add(messages),
    downTurn: (request) => this.#turn(request),
    downPayload: ({ id }) => this.#store.delivery.down.payload(id),
  }

  #add(messages: readonly DownMessage[]): DownAdded {
    const { delivery, time, upkeep } = this.#store
    const { down } = delivery
    if (upkeep.space.measure().level === 'full') return { taken: 0, tooLarge: 0, hasRoom: false }
    let taken = 0
    let tooLarge = 0
    if (messages.length > 0) {
      this.#store.write(() => {
        taken = 0
        tooLarge = 0
        const now = time.now()
        for (const message of messages) {
          const fate = down.add(message, now)
          if (fate === 'full') break
          taken++
          if (fate === 'too large') tooLarge++
        }
      })
    }
    return { taken, tooLarge, hasRoom: down.hasRoom }
  }

  #turn({ after, delivered }: DownCalls['downTurn']['request']): DownTurn {
    const { down } = this.#store.delivery
    const due = down.due(this.#store.time.now())
    if (delivered.length > 0 || due.length > 0) {
      this.#store.write(() => {
        for (const id of delivered) down.remove(id, 'delivered')
        for (const id of due) down.remove(id, 'expired')
      })
    }
    const gone = [...due, ...this.#discarded]
    this.#discarded = []
    return { heads: down.heads(after), gone }
  }

  /** Removes messages by an operator's order; call it inside `write`. @returns how many there were */
  discard({ filter, upTo }: { readonly filter: string; readonly upTo: number }): number {
    const { down } = this.#store.delivery
    const removed = down.all().filter(({ id, topic }) => id <= upTo && filterMatches(filter, topic))
    for (const { id } of removed) down.remove(id, 'discarded')
    this.#discarded.push(...removed.map(({ id }) => id))
    return removed.length
  }
}
