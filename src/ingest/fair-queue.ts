/** Counts for each item in addition to its own bytes: handling a message costs something whatever its size is. */
const BYTES_PER_ITEM = 64
/** Clients without a waiting item that are remembered at most, in addition to as many as there are items. */
const REMEMBERED_MIN = 1_024

/** An item that was taken; it can be put back. */
export interface Taken<T> {
  readonly client: string
  readonly bytes: number
  readonly item: T
  /** Its place in the order of departure. */
  readonly tag: number
  /** Order of arrival, for equal tags. */
  readonly order: number
}

/**
 * Items of many clients that wait for one server: each client gets an equal share of it, by bytes. A client that sends
 * little is served before one that sends much, however many items of that one wait. Items of one client leave in the
 * order in which they came.
 *
 * After self-clocked fair queueing (Golestani 1994): items leave in the order of their tags. The tag of an item is where
 * the first item in service began, or the tag of the client's last item if that is later, plus its own bytes.
 */
export class FairQueue<T> {
  /** A binary heap: the item with the lowest tag is first. */
  readonly #heap: Taken<T>[] = []
  /** The tag of the last item of each client. */
  readonly #last = new Map<string, number>()
  #served = 0
  #order = 0

  get size(): number {
    return this.#heap.length
  }

  push(client: string, bytes: number, item: T): void {
    const tag = Math.max(this.#served, this.#last.get(client) ?? 0) + bytes + BYTES_PER_ITEM
    this.#add({ client, bytes, item, tag, order: ++this.#order })
  }

  /** Puts an item back that was taken: it leaves before all items that its client added later. */
  putBack(taken: Taken<T>): void {
    this.#add(taken)
  }

  /** The item that leaves next. */
  peek(): Taken<T> | undefined {
    return this.#heap[0]
  }

  /**
   * Takes items until there are `countMax`, or one more would exceed `bytesMax`; at least one if there is any. They
   * count as served now: items that are added from now on may leave before those that are put back.
   */
  take(countMax: number, bytesMax: number): Taken<T>[] {
    const first = this.#heap[0]
    if (first !== undefined) this.#served = Math.max(this.#served, first.tag - first.bytes - BYTES_PER_ITEM)
    const taken: Taken<T>[] = []
    for (let bytes = 0; taken.length < countMax; ) {
      const next = this.#heap[0]
      if (next === undefined || (taken.length > 0 && bytes + next.bytes > bytesMax)) break
      bytes += next.bytes
      taken.push(this.#pop())
    }
    this.#forgetServed()
    return taken
  }

  #add(entry: Taken<T>): void {
    this.#last.set(entry.client, Math.max(this.#last.get(entry.client) ?? 0, entry.tag))
    const heap = this.#heap
    let at = heap.length
    for (let parent = (at - 1) >> 1; at > 0 && isBefore(entry, heap[parent]!); parent = (at - 1) >> 1) {
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = entry
  }

  #pop(): Taken<T> {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }

  /** A tag that was served already says nothing any more. */
  #forgetServed(): void {
    if (this.#last.size <= this.#heap.length + REMEMBERED_MIN) return
    for (const [client, tag] of this.#last) if (tag <= this.#served) this.#last.delete(client)
  }
}

function isBefore<T>(a: Taken<T>, b: Taken<T>): boolean {
  return a.tag === b.tag ? a.order < b.order : a.tag < b.tag
}
