import { Worker } from 'node:worker_threads'
import { type ExitCode, OperatorError } from '../base/errors.ts'
import type { Part } from '../base/lifecycle.ts'
import { siblingModule } from '../base/sibling.ts'
import type { ConfigNotice } from './config-protocol.ts'
import type {
  BatchMessage,
  BatchReply,
  CallFailure,
  CallMessage,
  Calls,
  FromThread,
  Notice,
  ThreadData,
} from './protocol.ts'

/** V8 heap of the store thread. It holds one batch, the series and one outgoing batch; SQLite's cache is outside. */
const THREAD_HEAP = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 512 }

interface Waiting {
  resolve(reply: unknown): void
  reject(failure: Error): void
}

/** What the store thread reports without being asked. */
export interface StoreThreadHandlers {
  /** For the log of the edge. */
  readonly onNotice?: (notice: Notice) => void
  /** Orders from the command line were carried out: there may be something to send. */
  readonly onOrdered?: () => void
  /** A commit about configs has something for local clients or for the cloud. */
  readonly onConfig?: (notice: ConfigNotice) => void
}

/** The main thread's end of the store thread. */
export class StoreClient implements Part {
  readonly name = 'store thread'
  readonly #worker: Worker
  readonly #handlers: StoreThreadHandlers
  readonly #calls = new Map<number, Waiting>()
  readonly #batches: ((reply: BatchReply) => void)[] = []
  #lastCall = 0
  #stopped: Promise<void> | undefined
  /** Why nothing is answered any more. */
  #gone: Error | undefined
  /** Rejects when the thread ends without having been told to: nothing can be acknowledged any more. */
  readonly died: Promise<never>
  #die!: (failure: Error) => void

  private constructor(worker: Worker, handlers: StoreThreadHandlers) {
    this.#worker = worker
    this.#handlers = handlers
    this.died = new Promise((_, reject) => {
      this.#die = reject
    })
    this.died.catch(() => undefined)
    worker.on('message', (message: FromThread) => this.#receive(message))
    worker.on('error', (failure) => this.#lost(failure instanceof Error ? failure : new Error(String(failure))))
    worker.on('exit', (code) => {
      this.#lost(new Error(`the store thread ended with code ${code}`))
    })
  }

  /**
   * Opens the store on a thread of its own. Notices may arrive before this resolves.
   * @throws OperatorError as `Store.open` does
   */
  static async start(data: ThreadData, handlers: StoreThreadHandlers = {}): Promise<StoreClient> {
    const worker = new Worker(siblingModule(import.meta.url, './thread'), {
      workerData: data,
      resourceLimits: THREAD_HEAP,
      name: 'store',
    })
    await new Promise<void>((resolve, reject) => {
      worker.once('error', reject)
      worker.on('message', function hear(first: FromThread) {
        if (first.kind === 'notice') return handlers.onNotice?.(first)
        worker.off('message', hear).off('error', reject)
        if (first.kind !== 'refused') return resolve()
        const { message, remedy, exitCode } = first
        reject(new OperatorError(message, { remedy, exitCode: exitCode as ExitCode }))
      })
    })
    return new StoreClient(worker, handlers)
  }

  /**
   * Hands a batch over; its buffer is gone until the reply brings it back. Replies come in order, and one to each: a
   * thread that is gone has refused it.
   */
  submit(batch: BatchMessage, onReply: (reply: BatchReply) => void): void {
    if (this.#gone !== undefined) {
      const reply = refusal(this.#gone)
      setImmediate(() => onReply(reply))
      return
    }
    this.#batches.push(onReply)
    this.#worker.postMessage(batch)
  }

  /** Asks the thread. Rejects when the store cannot do it (full disk) or the thread is gone. */
  call<Name extends keyof Calls>(name: Name, request: Calls[Name]['request']): Promise<Calls[Name]['reply']> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone)
    const id = ++this.#lastCall
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve: resolve as (reply: unknown) => void, reject })
      this.#worker.postMessage({ kind: 'call', id, name, request } as CallMessage)
    })
  }

  #receive(message: FromThread): void {
    if (message.kind === 'batch') this.#batches.shift()?.(message)
    else if (message.kind === 'reply') this.#answered(message.id)?.resolve(message.reply)
    else if (message.kind === 'notice') this.#handlers.onNotice?.(message)
    else if (message.kind === 'ordered') this.#handlers.onOrdered?.()
    else if (message.kind === 'config') this.#handlers.onConfig?.(message)
    else if (message.kind === 'failure') this.#answered(message.id)?.reject(failureOf(message))
  }

  #answered(id: number): Waiting | undefined {
    const waiting = this.#calls.get(id)
    this.#calls.delete(id)
    return waiting
  }

  #lost(failure: Error): void {
    if (this.#gone !== undefined) return
    this.#gone = failure
    for (const { reject } of this.#calls.values()) reject(failure)
    this.#calls.clear()
    for (const onReply of this.#batches.splice(0)) onReply(refusal(failure))
    if (this.#stopped === undefined) this.#die(failure)
  }

  /** Commits what was handed over, closes the database, ends the thread. */
  stop(): Promise<void> {
    this.#stopped ??= this.#close()
    return this.#stopped
  }

  async #close(): Promise<void> {
    try {
      if (this.#gone === undefined) await this.call('close', undefined)
    } finally {
      await this.#worker.terminate()
    }
  }
}

/** An error of the store thread; with its remedy, where there is one. */
function failureOf({ message, remedy }: CallFailure): Error {
  return remedy === undefined ? new Error(message) : new OperatorError(message, { remedy })
}

function refusal(failure: Error): BatchReply {
  const nothing = { readings: 0, rejected: 0, duplicates: 0, messages: 0, noRoom: [] }
  return { kind: 'batch', buffer: undefined, refused: failure.message, ...nothing }
}
