import { Occasion, type OccasionStats } from './occasions.ts'
import { addTo, countedShape, type OwnFilters, type Subscription, weightOf } from './own-filters.ts'

/** Deeper shapes of filters (own-filters.ts) of one client, and of all clients. Each makes every match a little slower. */
const SHAPES_PER_CLIENT_MAX = 32
const SHAPES_MAX = 256

export interface FilterLimitSettings {
  readonly filtersPerClientMax: number
  readonly filtersMax: number
}

/** Bounds the filters of each client and of all clients. Beyond a bound, a SUBSCRIBE is answered with 0x80 (failure). */
export class FilterLimits {
  readonly #settings: FilterLimitSettings
  readonly #refused = new Occasion()
  /** How many clients have each shape. */
  readonly #shapes = new Map<string, number>()
  #count = 0

  constructor(settings: FilterLimitSettings) {
    this.#settings = settings
  }

  /** Filters of all clients and sessions; a long one counts as several. */
  get count(): number {
    return this.#count
  }

  get refused(): OccasionStats {
    return this.#refused.stats
  }

  /** Adds or replaces a subscription; false: there is no room for it. */
  add(client: string, own: OwnFilters, subscription: Subscription): boolean {
    const isNew = !own.byFilter.has(subscription.topic)
    if (isNew && !this.#hasRoom(own, subscription.topic)) {
      this.#refused.note(client)
      return false
    }
    const shape = countedShape(subscription.topic)
    if (isNew) {
      this.#count += weightOf(subscription.topic)
      if (shape !== undefined && !own.shapes.has(shape)) addTo(this.#shapes, shape, 1)
    }
    own.set(subscription)
    return true
  }

  /** @returns the subscription that was removed */
  remove(own: OwnFilters, filter: string): Subscription | undefined {
    const former = own.delete(filter)
    if (former === undefined) return undefined
    this.#count -= weightOf(filter)
    const shape = countedShape(filter)
    if (shape !== undefined && !own.shapes.has(shape)) addTo(this.#shapes, shape, -1)
    return former
  }

  /** A client or session with these filters ended. */
  removeAll(own: OwnFilters): void {
    this.#count -= own.weight
    for (const shape of own.shapes.keys()) addTo(this.#shapes, shape, -1)
    own.clear()
  }

  #hasRoom(own: OwnFilters, filter: string): boolean {
    const { filtersPerClientMax, filtersMax } = this.#settings
    const weight = weightOf(filter)
    if (own.weight + weight > filtersPerClientMax || this.#count + weight > filtersMax) return false
    const shape = countedShape(filter)
    if (shape === undefined || own.shapes.has(shape)) return true
    return own.shapes.size < SHAPES_PER_CLIENT_MAX && (this.#shapes.has(shape) || this.#shapes.size < SHAPES_MAX)
  }
}
