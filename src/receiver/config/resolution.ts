import type { ConflictRecord } from '../../config/conflict.ts'
import { isObject, type Json, type JsonObject, keysOf, type Maybe, MISSING, member } from '../../config/json.ts'
import { sameRev } from '../../config/revision.ts'
import type { DeviceRecord } from './config-store.ts'

/**
 * The config that accepts the edge's side of a conflict: the cloud's config with the edge's values at the conflicting
 * paths. (The edge's whole config would revert changes that only the cloud has made.) If the record does not list
 * every path, or a path leads into an array, it is the edge's whole config after all. null deletes; undefined: it is
 * not known here.
 */
export function edgesChoice({ state, head }: DeviceRecord, conflict: ConflictRecord): JsonObject | null | undefined {
  const own = state.cur?.config
  if (!conflict.truncated && conflict.paths.length > 0 && own !== undefined) {
    let config: Maybe | typeof NOWHERE = own ?? MISSING
    for (const { path, edge } of conflict.paths) {
      config = withValue(config, keysOf(path), edge ?? MISSING)
      if (config === NOWHERE) break
    }
    if (config === MISSING) return null
    if (config !== NOWHERE && isObject(config)) return config
  }
  return head !== null && sameRev(head.rev, conflict.edge) ? head.config : undefined
}

/** The keys do not lead through objects. */
const NOWHERE = Symbol('nowhere')

function withValue(target: Maybe, [key, ...rest]: readonly string[], value: Maybe): Maybe | typeof NOWHERE {
  if (key === undefined) return value
  if (!isObject(target)) return NOWHERE
  const child = withValue(member(target, key), rest, value)
  if (child === NOWHERE) return NOWHERE
  const members = new Map<string, Json>(Object.entries(target))
  if (child === MISSING) members.delete(key)
  else members.set(key, child)
  return Object.fromEntries(members)
}
