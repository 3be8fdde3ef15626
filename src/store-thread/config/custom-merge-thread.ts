import { pathToFileURL } from 'node:url'
import { workerData } from 'node:worker_threads'
import { messageOf } from '../../base/errors.ts'
import type { CustomResult } from '../../config/policies.ts'
import { ANSWERED, type CustomCall, type CustomData, READY, VALUE_CHARS_MAX } from './custom-merge.ts'

type Merge = (base: unknown, edge: unknown, cloud: unknown) => unknown

const { modules, port, signal } = workerData as CustomData
const signals = new Int32Array(signal)
const merges = new Map<string, Promise<Merge>>(modules.map(({ name, module }) => [name, load(module)]))

async function load(module: string): Promise<Merge> {
  const { default: merge } = (await import(pathToFileURL(module).href)) as { default?: unknown }
  if (typeof merge !== 'function') throw new Error(`${module} has no default export that is a function`)
  return merge as Merge
}

async function answer({ name, base, edge, cloud }: CustomCall): Promise<CustomResult> {
  try {
    const merge = await merges.get(name)!
    const value = await merge(base, edge, cloud)
    // A value that is not JSON would change when it is sent.
    const text = JSON.stringify(value)
    if (text === undefined) throw new Error('it returned nothing')
    if (text.length > VALUE_CHARS_MAX) throw new Error('it returned a value that is larger than a config may be')
    return { ok: true, value: JSON.parse(text) }
  } catch (failure) {
    return { ok: false, reason: `function "${name}": ${messageOf(failure)}` }
  }
}

function set(place: typeof READY | typeof ANSWERED): void {
  Atomics.store(signals, place, 1)
  Atomics.notify(signals, place)
}

port.on('message', async (call: CustomCall) => {
  const result = await answer(call)
  port.postMessage(result)
  set(ANSWERED)
})
await Promise.allSettled(merges.values())
set(READY)
