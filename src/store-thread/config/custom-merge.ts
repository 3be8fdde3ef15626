import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { siblingModule } from '../../base/sibling.ts'
import { BOUNDS } from '../../config/document.ts'
import type { Json } from '../../config/json.ts'
import { type Maybe, MISSING } from '../../config/json.ts'
import type { CustomMerge, CustomResult } from '../../config/policies.ts'

/** V8 heap of the thread that runs the operator's functions. */
const HEAP = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 }
/** Time for a new thread to load the modules (ms). */
const START_MS = 2_000
/** Longest value that a function may return, as JSON (UTF-16 units). */
export const VALUE_CHARS_MAX = BOUNDS.configBytesMax
/** Places in `CustomData.signal`. */
export const READY = 0
export const ANSWERED = 1

/** Values of one collision; a side without a value is left out. */
export interface CustomCall {
  readonly name: string
  readonly base?: Json
  readonly edge?: Json
  readonly cloud?: Json
}

/** `workerData` of the thread. */
export interface CustomData {
  readonly modules: readonly { readonly name: string; readonly module: string }[]
  readonly port: MessagePort
  /** Two 32-bit integers: `READY` is 1 when the modules are loaded, `ANSWERED` when an answer was posted to the port. */
  readonly signal: SharedArrayBuffer
}

interface Channel {
  readonly port: MessagePort
  readonly signal: Int32Array
}

/**
 * Runs functions of the operator that decide conflicts, on a thread of their own. All calls of one merge share a time
 * limit: a config can have thousands of conflicts. A function that throws, loops or runs out of memory costs at most
 * that time; then a person decides. The calling thread blocks until the answer arrives, so the limit must be short.
 */
export class CustomMerges {
  readonly #modules: CustomData['modules']
  readonly #timeoutMs: number
  #thread: (Channel & { readonly worker: Worker }) | undefined

  constructor(modules: CustomData['modules'], timeoutMs: number) {
    this.#modules = modules
    this.#timeoutMs = timeoutMs
  }

  /** Begins the calls of one event; they share the time limit. */
  begin(): CustomMerge {
    let leftMs = this.#timeoutMs
    return (name, base, edge, cloud) => {
      if (!this.#modules.some((one) => one.name === name)) {
        return { ok: false, reason: `there is no function "${name}": add it to config.custom` }
      }
      if (leftMs <= 0) return { ok: false, reason: `the functions have used up ${this.#timeoutMs} ms` }
      const thread = this.#start()
      const begunAt = performance.now()
      const call: CustomCall = { name, ...part('base', base), ...part('edge', edge), ...part('cloud', cloud) }
      const answer = ask(thread, call, leftMs)
      leftMs -= performance.now() - begunAt
      if (answer !== undefined) return answer
      leftMs = 0
      this.stop()
      return { ok: false, reason: `function "${name}" did not answer within ${this.#timeoutMs} ms` }
    }
  }

  #start(): Channel {
    if (this.#thread !== undefined) return this.#thread
    const { port1, port2 } = new MessageChannel()
    const signal = new SharedArrayBuffer(8)
    const data: CustomData = { modules: this.#modules, port: port2, signal }
    const worker = new Worker(siblingModule(import.meta.url, './custom-merge-thread'), {
      workerData: data,
      transferList: [port2],
      resourceLimits: HEAP,
      name: 'custom merges',
    })
    worker.on('error', () => this.stop())
    worker.unref()
    port1.unref()
    this.#thread = { worker, port: port1, signal: new Int32Array(signal) }
    Atomics.wait(this.#thread.signal, READY, 0, START_MS)
    return this.#thread
  }

  /** Ends the thread; the next call starts another. */
  stop(): void {
    const thread = this.#thread
    this.#thread = undefined
    thread?.port.close()
    void thread?.worker.terminate()
  }
}

/** @returns undefined: there was no answer within this time (ms) */
function ask({ port, signal }: Channel, call: CustomCall, timeMs: number): CustomResult | undefined {
  Atomics.store(signal, ANSWERED, 0)
  port.postMessage(call)
  Atomics.wait(signal, ANSWERED, 0, timeMs)
  return receiveMessageOnPort(port)?.message as CustomResult | undefined
}

function part<K extends string>(key: K, value: Maybe): { readonly [key in K]?: Json } {
  return value === MISSING ? {} : ({ [key]: value } as { [key in K]: Json })
}
