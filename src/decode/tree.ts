/**
 * Parsed JSON or CBOR. Integers that do not fit into a double are bigint. Objects have their members as own properties,
 * whatever their names are (also `__proto__`).
 */
export type Tree = null | boolean | number | bigint | string | Uint8Array | readonly Tree[] | TreeObject

export interface TreeObject {
  readonly [name: string]: Tree
}

export function isArray(tree: Tree): tree is readonly Tree[] {
  return Array.isArray(tree)
}

export function isObject(tree: Tree | undefined): tree is TreeObject {
  return typeof tree === 'object' && tree !== null && !Array.isArray(tree) && !(tree instanceof Uint8Array)
}

/** The kind of a value, for the reason of a problem: `found an array`. */
export function kindOf(tree: Tree): string {
  if (tree === null) return 'null'
  if (isArray(tree)) return 'an array'
  if (tree instanceof Uint8Array) return 'bytes'
  if (typeof tree === 'string') return 'a text'
  if (typeof tree === 'boolean') return 'a boolean'
  return typeof tree === 'object' ? 'an object' : 'a number'
}
