import { CBOR_DEPTH_MAX } from '../limits.ts'
import type { Step } from '../problem.ts'
import { isArray, type Tree } from '../tree.ts'

/** The place of each member that a later one of the same name in its object replaces. */
export type Replaced = readonly (readonly Step[])[]

/** A payload that was parsed. If an object has several members of one name, the tree has the last of them. */
export class Parsed {
  readonly tree: Tree
  /** Number of members of all objects in the payload, with those that are not in the tree. */
  readonly members: number
  readonly #find: () => Replaced

  /** @param find finds the members that are not in the tree. */
  constructor(tree: Tree, members: number, find: () => Replaced) {
    this.tree = tree
    this.members = members
    this.#find = find
  }

  /** The members that are not in the tree. The payload is read again only if the tree has fewer than the payload. */
  replaced(): Replaced {
    return this.members === 0 || this.members === membersOf(this.tree, 1) ? NONE : this.#find()
  }
}

const NONE: Replaced = []

/** A payload without objects. */
export function bare(tree: Tree): Parsed {
  return new Parsed(tree, 0, () => NONE)
}

/** Number of members of all objects; NaN: it is nested deeper than CBOR_DEPTH_MAX. */
function membersOf(tree: Tree, depth: number): number {
  if (typeof tree !== 'object' || tree === null || tree instanceof Uint8Array) return 0
  if (depth > CBOR_DEPTH_MAX) return Number.NaN
  let count = 0
  if (isArray(tree)) {
    for (const item of tree) if (typeof item === 'object') count += membersOf(item, depth + 1)
  } else {
    for (const name in tree) {
      count++
      const member = tree[name]!
      if (typeof member === 'object') count += membersOf(member, depth + 1)
    }
  }
  return count
}
