import { FilterIndex } from './filter-index.ts'

type Done = (failure?: Error | null) => void
type Notify<P> = (this: unknown, packet: P, done: Done) => void

/**
 * The subscriptions of connected clients: the emitter through which Aedes hands messages to them (its option `mq`). Unlike
 * mqemitter it accepts topics of any depth, removes a subscription at once, and answers whether a topic has a subscriber.
 */
export class LocalSubscribers<P extends { readonly topic: string }> {
  readonly #filters = new FilterIndex<Set<Notify<P>>>()
  /** Subscriptions of Aedes itself. No client may subscribe or publish to such topics. */
  readonly #own = new FilterIndex<Set<Notify<P>>>()
  /** Changes with every filter that comes or goes. */
  version = 0
  #closed = false

  on(filter: string, notify: Notify<P>, done?: Done): this {
    const index = this.#indexOf(filter)
    const subscribers = index.get(filter)
    if (subscribers !== undefined) subscribers.add(notify)
    else {
      index.set(filter, new Set([notify]))
      this.version++
    }
    done?.()
    return this
  }

  removeListener(filter: string, notify: Notify<P>, done?: Done): this {
    const index = this.#indexOf(filter)
    const subscribers = index.get(filter)
    if (subscribers?.delete(notify) === true && subscribers.size === 0) {
      index.delete(filter)
      this.version++
    }
    done?.()
    return this
  }

  /** Whether a client subscribes to this topic. */
  has(topic: string): boolean {
    return this.#indexOf(topic).some(topic, () => true)
  }

  emit(packet: P, done: Done = () => undefined): this {
    if (this.#closed) {
      done(new Error('the broker is closed'))
      return this
    }
    let waiting = 1
    const one = (): void => {
      if (--waiting === 0) done()
    }
    for (const subscribers of this.#indexOf(packet.topic).match(packet.topic)) {
      for (const notify of subscribers) {
        waiting++
        notify.call(this, packet, one)
      }
    }
    one()
    return this
  }

  close(done: Done): this {
    this.#closed = true
    setImmediate(done)
    return this
  }

  #indexOf(text: string): FilterIndex<Set<Notify<P>>> {
    return text.startsWith('$') ? this.#own : this.#filters
  }
}
