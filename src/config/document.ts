import { canonical } from './canonical.ts'
import { isObject, type Json, type JsonObject, pointerTo } from './json.ts'

/** A config beyond any of these limits is refused as a whole (413), never cut. */
export const BOUNDS = {
  /** Of the canonical text, in UTF-8. */
  configBytesMax: 32 * 1024,
  /** Nesting of objects and arrays, including the config itself. */
  depthMax: 10,
  /** Number of values, including the config itself. */
  nodesMax: 2_000,
  keyBytesMax: 128,
  stringBytesMax: 4 * 1024,
} as const

/** A longer text is not parsed: white space does not make a config of 32 KiB that long. */
export const TEXT_BYTES_MAX = 4 * BOUNDS.configBytesMax

/**
 * Names that every JavaScript object inherits: in a program that copies members by name they would change its objects.
 */
const REFUSED_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** An expected failure: what is wrong, where, and what to do. 400: not a config; 413: beyond a limit. */
export interface DocumentRefusal {
  readonly code: 400 | 413
  readonly reason: string
}
export type Parsed<T> = { readonly ok: true; readonly value: T } | ({ readonly ok: false } & DocumentRefusal)

/** Parses JSON. Refuses text that is not UTF-8, objects with a duplicate member, and text above TEXT_BYTES_MAX. */
export function parseJson(bytes: Uint8Array | string): Parsed<Json> {
  if (Buffer.byteLength(bytes) > TEXT_BYTES_MAX) {
    return refuse(413, `the message is larger than ${TEXT_BYTES_MAX} bytes`, 'make it smaller')
  }
  try {
    const text = typeof bytes === 'string' ? bytes : new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    const value = JSON.parse(text) as Json
    if (membersIn(text) !== membersOf(value)) {
      return refuse(400, 'an object has the same member twice', 'give each member once')
    }
    return { ok: true, value }
  } catch (trouble) {
    return refuse(400, `the message is not JSON (${(trouble as Error).message})`, 'send UTF-8 JSON')
  }
}

/** Checks that a value is a config: a JSON object within the limits. −0 becomes 0. */
export function checkConfig(value: Json): Parsed<JsonObject> {
  if (!isObject(value)) return refuse(400, 'the config is not an object', 'send an object of settings')
  const problem = treeProblem(value)
  if (problem !== undefined) return problem
  const config = withoutNegativeZero(value) as JsonObject
  const bytes = Buffer.byteLength(canonical(config))
  if (bytes > BOUNDS.configBytesMax) {
    return refuse(413, `the config has ${bytes} bytes, more than ${BOUNDS.configBytesMax}`, 'make it smaller')
  }
  return { ok: true, value: config }
}

interface Walk {
  nodes: number
}

function treeProblem(value: Json, path = '', depth = 1, walk: Walk = { nodes: 0 }): Refused | undefined {
  walk.nodes++
  if (walk.nodes > BOUNDS.nodesMax)
    return refuse(413, `the config has more than ${BOUNDS.nodesMax} values`, 'send fewer')
  if (typeof value === 'string') return stringProblem(value, path)
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return refuse(400, `the number at ${place(path)} is too large`, 'send it as a string')
  }
  if (typeof value !== 'object' || value === null) return undefined
  if (depth > BOUNDS.depthMax) {
    return refuse(413, `${place(path)} is nested deeper than ${BOUNDS.depthMax} levels`, 'make it flatter')
  }
  for (const [key, child] of Object.entries(value)) {
    const problem = keyProblem(key, path) ?? treeProblem(child, pointerTo(path, key), depth + 1, walk)
    if (problem !== undefined) return problem
  }
  return undefined
}

function stringProblem(text: string, path: string): Refused | undefined {
  if (!text.isWellFormed()) {
    return refuse(400, `the text at ${place(path)} has a lone surrogate, which UTF-8 cannot encode`, 'remove it')
  }
  if (Buffer.byteLength(text) <= BOUNDS.stringBytesMax) return undefined
  return refuse(413, `the text at ${place(path)} is longer than ${BOUNDS.stringBytesMax} bytes`, 'shorten it')
}

function keyProblem(key: string, path: string): Refused | undefined {
  if (REFUSED_KEYS.has(key)) return refuse(400, `the key "${key}" in ${place(path)} is not allowed`, 'rename it')
  if (!key.isWellFormed()) return refuse(400, `a key in ${place(path)} has a lone surrogate`, 'remove it')
  if (Buffer.byteLength(key) <= BOUNDS.keyBytesMax) return undefined
  return refuse(413, `a key in ${place(path)} is longer than ${BOUNDS.keyBytesMax} bytes`, 'shorten it')
}

/** A path for a message, cut to 200 characters. */
function place(path: string): string {
  return path === '' ? 'the config' : path.length <= 200 ? path : `${path.slice(0, 200)}…`
}

type Refused = { readonly ok: false } & DocumentRefusal

function refuse(code: 400 | 413, what: string, remedy: string): Refused {
  return { ok: false, code, reason: `${what}: ${remedy}` }
}

function withoutNegativeZero(value: Json): Json {
  if (value === 0) return 0
  if (Array.isArray(value)) return (value as readonly Json[]).map(withoutNegativeZero)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, withoutNegativeZero(child)]))
}

/** Number of members in the text: colons outside of strings. JSON.parse keeps only one of two with the same name. */
function membersIn(text: string): number {
  let count = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (char === '\\') i++
    else if (char === '"') inString = !inString
    else if (char === ':' && !inString) count++
  }
  return count
}

function membersOf(value: Json): number {
  let count = 0
  const open: Json[] = [value] // no recursion: the depth has not been checked yet
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next !== 'object' || next === null) continue
    const children = Object.values(next) as Json[]
    if (!Array.isArray(next)) count += children.length
    for (const child of children) open.push(child)
  }
  return count
}
