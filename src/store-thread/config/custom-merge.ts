import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { siblingModule } from '../../base/sibling.ts'
import type { Json } from '../../config/json.ts'
import { type Maybe, MISSING } from '../../config/json.ts'
import type { CustomMerge, CustomResult } from '../../config/policies.ts'

/** V8 heap of the thread that runs the operator's functions. */
const HEAP = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 }
/** Extra time for the first call, which loads the modules (ms). */
const START_MS = 2_000

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
  /** Set to 1 when an answer was posted to the port. */
  readonly signal: SharedArrayBuffer
}

/**
 * Runs functions of the operator that decide conflicts, on a thread of their own. A function that throws, loops or runs
 * out of memory costs at most its time limit; then a person decides. The calling thread blocks until the answer
 * arrives, so the limit must be short.
 */
export class CustomMerges {
  readonly #modules: CustomData['modules']
  readonly #timeoutMs: number
  #thread: { readonly worker: Worker; readonly port: MessagePort; readonly signal: Int32Array } | undefined

  constructor(modules: CustomData['modules'], timeoutMs: number) {
    this.#modules = modules
    this.#timeoutMs = timeoutMs
  }

  readonly merge: CustomMerge = (name, base, edge, cloud) => {
    if (!this.#modules.some((one) => one.name === name)) {
      return { ok: false, reason: `there is no function "${name}": add it to config.custom` }
    }
    const isNew = this.#thread === undefined
    const { port, signal } = this.#start()
    const call: CustomCall = { name, ...part('base', base), ...part('edge', edge), ...part('cloud', cloud) }
    Atomics.store(signal, 0, 0)
    port.postMessage(call)
    Atomics.wait(signal, 0, 0, this.#timeoutMs + (isNew ? START_MS : 0))
    const answer = receiveMessageOnPort(port)?.message as CustomResult | undefined
    if (answer !== undefined) return answer
    this.stop()
    return { ok: false, reason: `function "${name}" did not answer within ${this.#timeoutMs} ms` }
  }

  #start() {
    if (this.#thread !== undefined) return this.#thread
    const { port1, port2 } = new MessageChannel()
    const signal = new SharedArrayBuffer(4)
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

function part<K extends string>(key: K, value: Maybe): { readonly [key in K]?: Json } {
  return value === MISSING ? {} : ({ [key]: value } as { [key in K]: Json })
}
