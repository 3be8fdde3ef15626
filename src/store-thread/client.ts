import { Worker } from 'node:worker_threads'
import { type ExitCode, OperatorError } from '../base/errors.ts'
import type { Part } from '../base/lifecycle.ts'
import { siblingModule } from '../base/sibling.ts'
import type { ConfigNotice } from './config-protocol.ts'
import {
  type BatchMessage,
  type BatchReply,
  type CallFailure,
  type CallMessage,
  type Calls,
  type FromThread,
  NOTHING_STORED,
  type Notice,
  type ThreadData,
} from './protocol.ts'

/**
 * V8 heap of the store thread. It holds one batch, the series and one outgoing batch; SQLite's cache is not part of it.
 */
const THREAD_HEAP = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 512 }

interface Waiting {
  resolve(reply: unknown): void
  reject(failure: Error): void
}

/** Called for what the store thread reports on its own. */
export interface StoreThreadHandlers {
  /** For the log of the edge. */
  readonly onNotice?: (notice: Notice) => void
  /** Orders from the command line were carried out: there may be something to send. */
  readonly onOrdered?: () => void
  /** A config transaction was committed and has messages for local clients or for the cloud. */
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
  /** Set when the thread has ended: why calls are no longer answered. */
  #gone: Error | undefined
  /** Rejects when the thread ends without a call of `stop`: nothing can be acknowledged any more. */
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
   * Starts the store thread, which opens the store. Notices may arrive before this resolves.
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
   * Submits a batch. Its buffer must not be used until the reply returns it. Every batch gets exactly one reply, in the
   * order of submission; when the thread has ended, the reply is a refusal.
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

  /** Calls the thread. Rejects when the store cannot do it (full disk) or the thread has ended. */
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

  /** Commits the batches submitted so far, closes the database, ends the thread. */
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

/** Rebuilds an error of the store thread, with its remedy if it has one. */
function failureOf({ message, remedy }: CallFailure): Error {
  return remedy === undefined ? new Error(message) : new OperatorError(message, { remedy })
}

function refusal(failure: Error): BatchReply {
  return { kind: 'batch', buffer: undefined, refused: failure.message, returns: 0, ...NOTHING_STORED }
}
