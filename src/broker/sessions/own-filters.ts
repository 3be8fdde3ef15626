import { shapeOf } from './filter-index.ts'

/** Shapes of at most this many levels are not counted: there are few of them, and matching them is cheap. */
const SHALLOW_LEVELS = 4

/** A longer filter counts as several (UTF-16 units). */
const FILTER_CHARS = 256

/** What is remembered of a subscription. */
export interface Subscription {
  readonly topic: string
  readonly qos: number
}

/** The filters of one client, and how many have each of the deeper shapes. */
export class OwnFilters {
  readonly byFilter = new Map<string, Subscription>()
  readonly shapes = new Map<string, number>()

  /** Number of filters; a long one counts as several. */
  weight = 0

  get size(): number {
    return this.byFilter.size
  }

  /** @returns the former subscription with this filter */
  set(subscription: Subscription): Subscription | undefined {
    const former = this.byFilter.get(subscription.topic)
    this.byFilter.set(subscription.topic, subscription)
    if (former === undefined) {
      this.weight += weightOf(subscription.topic)
      addTo(this.shapes, countedShape(subscription.topic), 1)
    }
    return former
  }

  /** @returns the subscription that was removed */
  delete(filter: string): Subscription | undefined {
    const former = this.byFilter.get(filter)
    if (former === undefined) return undefined
    this.byFilter.delete(filter)
    this.weight -= weightOf(filter)
    addTo(this.shapes, countedShape(filter), -1)
    return former
  }

  clear(): void {
    this.byFilter.clear()
    this.shapes.clear()
    this.weight = 0
  }
}

export function weightOf(filter: string): number {
  return Math.ceil(filter.length / FILTER_CHARS)
}

/** The shape of a filter if it counts for the limits. */
export function countedShape(filter: string): string | undefined {
  const shape = shapeOf(filter)
  return shape === undefined || shape.length <= SHALLOW_LEVELS ? undefined : shape
}

export function addTo(counts: Map<string, number>, key: string | undefined, change: 1 | -1): void {
  if (key === undefined) return
  const count = (counts.get(key) ?? 0) + change
  if (count === 0) counts.delete(key)
  else counts.set(key, count)
}
