/** A JSON value. An absent member is `MISSING`, which is not null (RFC 8259 §3). */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}
export const MISSING = undefined
export type Maybe = Json | typeof MISSING

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isArray(value: Maybe): value is readonly Json[] {
  return Array.isArray(value)
}

/** The own member of that name; inherited ones do not count. */
export function member(value: Maybe, key: string): Maybe {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : MISSING
}

/** Whether two values are equal: the order of members does not matter, and −0 equals 0. */
export function equal(a: Maybe, b: Maybe): boolean {
  if (a === b) return true
  if (isArray(a)) return isArray(b) && a.length === b.length && a.every((item, i) => equal(item, b[i]))
  if (!isObject(a) || !isObject(b)) return false
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && equal(a[key], member(b, key)))
  )
}

/** A JSON Pointer extended by one key (RFC 6901 §3). */
export function pointerTo(parent: string, key: string): string {
  return `${parent}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** The keys of a JSON Pointer, from the root (RFC 6901 §4). */
export function keysOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** The value at a JSON Pointer, through objects only; MISSING: there is none. */
export function at(value: Maybe, pointer: string): Maybe {
  return keysOf(pointer).reduce<Maybe>(member, value)
}
