import { keysOf } from './json.ts'

/** What follows the keys that a pattern has matched so far. */
interface Node {
  readonly keys: Map<string, Node>
  /** After any one key. */
  one: Node | undefined
  /** After any number of keys. */
  any: Node | undefined
  /** It stays matched whatever keys follow: it stands after `**`. */
  readonly stays: boolean
  /** Place of the first entry whose pattern ends here. */
  place: number
}

/**
 * Finds entries by JSON Pointer. Their paths are JSON Pointers in which `*` is one key and `**` any number of keys. The
 * entries are read once, so the work of many searches does not grow with their number.
 */
export class PathIndex<T extends { readonly path: string }> {
  readonly #entries: readonly T[]
  readonly #root = newNode(false)

  constructor(entries: readonly T[]) {
    this.#entries = entries
    for (const [place, { path }] of entries.entries()) {
      const end = keysOf(path).reduce(following, this.#root)
      end.place = Math.min(end.place, place)
    }
  }

  /** The first entry whose path covers this JSON Pointer. */
  first(pointer: string): T | undefined {
    let matched = withoutKeys([this.#root])
    for (const key of keysOf(pointer)) {
      matched = withoutKeys(
        [...matched].flatMap((node) => [node.keys.get(key), node.one, node.stays ? node : undefined]),
      )
      if (matched.size === 0) return undefined
    }
    return this.#entries[Math.min(...[...matched].map(({ place }) => place))]
  }
}

function newNode(stays: boolean): Node {
  return { keys: new Map(), one: undefined, any: undefined, stays, place: Number.POSITIVE_INFINITY }
}

/** The node after one key of a pattern. `**` after `**` adds nothing. */
function following(node: Node, key: string): Node {
  if (key === '**') {
    if (node.stays) return node
    node.any ??= newNode(true)
    return node.any
  }
  if (key === '*') {
    node.one ??= newNode(false)
    return node.one
  }
  const next = node.keys.get(key) ?? newNode(false)
  node.keys.set(key, next)
  return next
}

/** These nodes, and those that `**` reaches without a key. */
function withoutKeys(nodes: readonly (Node | undefined)[]): Set<Node> {
  return new Set(
    nodes.flatMap((node) => (node === undefined ? [] : node.any === undefined ? [node] : [node, node.any])),
  )
}
