import { Tokenizer } from 'cborg'
import { vi } from 'vitest'
import { type Decoded, decode, type PayloadFormat } from '../../src/decode/decode.ts'

export const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678)

export function bytes(payload: string | Uint8Array): Uint8Array {
  return typeof payload === 'string' ? new TextEncoder().encode(payload) : payload
}

/** Decodes a payload on a topic that names device `d1` and metric `m`. */
export function onMetric(payload: string | Uint8Array, format: PayloadFormat = 'auto'): Decoded {
  return decode(bytes(payload), { device: 'd1', metric: 'm' }, NOW, format)
}

/** Decodes a payload on a topic that names only device `d1`. */
export function onDevice(payload: string | Uint8Array, format: PayloadFormat = 'auto'): Decoded {
  return decode(bytes(payload), { device: 'd1', metric: undefined }, NOW, format)
}

/** The readings without the parts that are the same in all of them. Throws the reason when the payload is refused. */
export function readingsOf(decoded: Decoded): Record<string, unknown>[] {
  if (!decoded.ok) throw new Error(decoded.reason)
  return decoded.readings.map(({ metric, value, unit, ts, timed, claim }) => ({
    metric,
    value,
    ...(unit === undefined ? {} : { unit }),
    ...(timed ? { ts } : {}),
    ...(claim === undefined ? {} : { claim }),
  }))
}

/** The fields that were not understood: place and reason. */
export function partialOf(decoded: Decoded): string[] {
  if (!decoded.ok) throw new Error(decoded.reason)
  return (decoded.partial?.fields ?? []).map(({ path, reason }) => `${path}: ${reason}`)
}

export function onlyValue(decoded: Decoded): unknown {
  const readings = readingsOf(decoded)
  if (readings.length !== 1) throw new Error(`${readings.length} readings`)
  return readings[0]!.value
}

export function reasonOf(decoded: Decoded): string {
  if (decoded.ok) throw new Error(`it was accepted: ${JSON.stringify(decoded.readings)}`)
  return decoded.reason
}

/** Runs `task`. @returns its result, and how many values it read from the objects and arrays that JSON.parse returned. */
export function countJsonReads<T>(task: () => T): { result: T; reads: number } {
  const { parse } = JSON
  let reads = 0
  const watched = (tree: unknown): unknown =>
    typeof tree !== 'object' || tree === null
      ? tree
      : new Proxy(tree, {
          get(target, name, receiver) {
            reads++
            const value: unknown = Reflect.get(target, name, receiver)
            return typeof value === 'function' ? value : watched(value)
          },
        })
  const spy = vi.spyOn(JSON, 'parse').mockImplementation((text: string) => watched(parse(text)))
  try {
    return { result: task(), reads }
  } finally {
    spy.mockRestore()
  }
}

/** Runs `task`. @returns its result, and how many CBOR data items it read from the bytes. */
export function countCborItems<T>(task: () => T): { result: T; items: number } {
  const { next } = Tokenizer.prototype
  let items = 0
  const spy = vi.spyOn(Tokenizer.prototype, 'next').mockImplementation(function (this: Tokenizer) {
    items++
    return next.call(this)
  })
  try {
    return { result: task(), items }
  } finally {
    spy.mockRestore()
  }
}
