import { isObject, type Json, type Maybe } from './json.ts'

/** Applies a JSON Merge Patch (RFC 7396 §2): null removes a member, an object is merged, anything else replaces. */
export function applyMergePatch(target: Maybe, patch: Json): Json {
  if (!isObject(patch)) return patch
  const result = new Map<string, Json>(isObject(target) ? Object.entries(target) : [])
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result.delete(key)
    else result.set(key, applyMergePatch(result.get(key), value))
  }
  return Object.fromEntries(result)
}
