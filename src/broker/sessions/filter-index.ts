/**
 * The shape of a filter: a sign for each level, `+`, `#` or `.` (any text). Undefined: the filter has no wildcard, and
 * matches only the topic that equals it.
 */
export function shapeOf(filter: string): string | undefined {
  if (!filter.includes('+') && !filter.endsWith('#')) return undefined
  let shape = ''
  let start = 0
  while (start <= filter.length) {
    const slash = filter.indexOf('/', start)
    const end = slash === -1 ? filter.length : slash
    const isWildcard = end - start === 1 && (filter[start] === '+' || filter[start] === '#')
    shape += isWildcard ? filter[start] : '.'
    start = end + 1
  }
  return shape
}

/** Filters of one shape, by their text. */
interface Table<T> {
  readonly shape: string
  /** Levels before a `#`, or all levels. */
  readonly levels: number
  readonly toEnd: boolean
  readonly filters: Map<string, T>
}

/**
 * Values by MQTT topic filter, and the question which filters match a topic.
 *
 * Filters are grouped by shape. To match a topic, its levels are replaced by the wildcards of each shape, and the text
 * is searched for: the cost depends on the number of shapes, not on the number of filters. A site has a handful of shapes.
 * How many a client may add is bounded (filter-limits.ts), so no set of filters makes a match slow.
 */
export class FilterIndex<T> {
  readonly #exact = new Map<string, T>()
  readonly #tables = new Map<string, Table<T>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get hasWildcards(): boolean {
    return this.#tables.size > 0
  }

  get(filter: string): T | undefined {
    const shape = shapeOf(filter)
    return shape === undefined ? this.#exact.get(filter) : this.#tables.get(shape)?.filters.get(filter)
  }

  set(filter: string, value: T): void {
    const filters = this.#filtersLike(filter)
    if (!filters.has(filter)) this.#size++
    filters.set(filter, value)
  }

  delete(filter: string): void {
    const shape = shapeOf(filter)
    const filters = shape === undefined ? this.#exact : this.#tables.get(shape)?.filters
    if (filters?.delete(filter) !== true) return
    this.#size--
    if (shape !== undefined && filters.size === 0) this.#tables.delete(shape)
  }

  /** The filters without a wildcard. */
  exact(): Iterable<string> {
    return this.#exact.keys()
  }

  /** The values of all filters that match a topic. */
  match(topic: string): T[] {
    const found: T[] = []
    this.some(topic, (value) => {
      found.push(value)
      return false
    })
    return found
  }

  /**
   * Whether `test` holds for the value of a filter that matches. A leading wildcard does not match `$…` topics (MQTT
   * 3.1.1 §4.7.2).
   */
  some(topic: string, test: (value: T) => boolean): boolean {
    const exact = this.#exact.get(topic)
    if (exact !== undefined && test(exact)) return true
    if (this.#tables.size === 0) return false
    const levels = topic.split('/')
    for (const { shape, levels: count, toEnd, filters } of this.#tables.values()) {
      if (toEnd ? levels.length < count : levels.length !== count) continue
      if (topic.startsWith('$') && !shape.startsWith('.')) continue
      const value = filters.get(masked(levels, shape))
      if (value !== undefined && test(value)) return true
    }
    return false
  }

  #filtersLike(filter: string): Map<string, T> {
    const shape = shapeOf(filter)
    if (shape === undefined) return this.#exact
    let table = this.#tables.get(shape)
    if (table === undefined) {
      const toEnd = shape.endsWith('#')
      table = { shape, levels: toEnd ? shape.length - 1 : shape.length, toEnd, filters: new Map() }
      this.#tables.set(shape, table)
    }
    return table.filters
  }
}

/** The filter of this shape that matches a topic with these levels. */
function masked(levels: readonly string[], shape: string): string {
  let filter = ''
  for (let i = 0; i < shape.length; i++) {
    if (i > 0) filter += '/'
    filter += shape[i] === '.' ? levels[i] : shape[i]
  }
  return filter
}
