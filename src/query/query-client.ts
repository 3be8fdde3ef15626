import { Worker } from 'node:worker_threads'
import { messageOf } from '../base/errors.ts'
import type { Part } from '../base/lifecycle.ts'
import { siblingModule } from '../base/sibling.ts'
import type { QueryAnswer, Question } from './protocol.ts'

const YOUNG_MB = 8

export interface QueryLimits {
  /** Questions that wait or are being answered, at most; one more is refused as `busy`. */
  readonly waitingMax: number
  /** A question that takes longer (ms) is aborted and answered with `late`. */
  readonly answerMsMax: number
  /**
   * After this time (ms) without a question the thread ends, and V8 returns its memory; the next question starts it
   * again, which takes a tenth of a second.
   */
  readonly idleMs: number
  /** V8 heap of the thread (MiB). An answer that needs more ends only this thread. */
  readonly heapMbMax: number
}

const LIMITS: QueryLimits = { waitingMax: 32, answerMsMax: 30_000, idleMs: 10_000, heapMbMax: 256 }

interface Waiting {
  readonly question: Question
  settle(answer: QueryAnswer): void
}

/**
 * Answers questions on a thread of its own with a read-only connection: neither the network nor the store waits for an
 * answer. The first question starts the thread.
 */
export class QueryClient implements Part {
  readonly name = 'query thread'
  readonly #folder: string
  readonly #limits: QueryLimits
  #worker: Worker | undefined
  /** The first one is being answered. */
  readonly #waiting: Waiting[] = []
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  /** @param folder of tidegate.db. */
  constructor(folder: string, limits: Partial<QueryLimits> = {}) {
    this.#folder = folder
    this.#limits = { ...LIMITS, ...limits }
  }

  /** Never rejects: failures are answers, too. The signal withdraws a question that is not being answered yet. */
  ask(question: Question, signal?: AbortSignal): Promise<QueryAnswer> {
    if (this.#stopped) return Promise.resolve(failed('the edge is stopping'))
    const { waitingMax } = this.#limits
    if (this.#waiting.length >= waitingMax) return Promise.resolve(busy(waitingMax))
    return new Promise((settle) => {
      const waiting = { question, settle }
      this.#waiting.push(waiting)
      signal?.addEventListener('abort', () => this.#withdraw(waiting), { once: true })
      if (this.#waiting.length === 1) this.#next()
    })
  }

  #withdraw(waiting: Waiting): void {
    const at = this.#waiting.indexOf(waiting)
    if (at < 1) return
    this.#waiting.splice(at, 1)
    waiting.settle(failed('the question was withdrawn'))
  }

  #next(): void {
    clearTimeout(this.#timer)
    const { answerMsMax, idleMs } = this.#limits
    const [first] = this.#waiting
    if (first === undefined) {
      this.#timer = setTimeout(() => this.#end(), idleMs).unref()
      return
    }
    this.#worker ??= this.#start()
    this.#worker.postMessage(first.question)
    this.#timer = setTimeout(() => {
      this.#end()
      this.#settle(late(answerMsMax))
    }, answerMsMax)
  }

  #start(): Worker {
    const worker = new Worker(siblingModule(import.meta.url, './query-thread'), {
      workerData: { folder: this.#folder },
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB, maxOldGenerationSizeMb: this.#limits.heapMbMax },
      name: 'query',
    })
    worker.unref()
    worker.on('message', (answer: QueryAnswer) => {
      if (worker === this.#worker) this.#settle(answer)
    })
    worker.on('error', (failure) => this.#lost(worker, messageOf(failure)))
    worker.on('exit', (code) => this.#lost(worker, `exit code ${code}`))
    return worker
  }

  /** The thread ended unexpectedly, for example out of memory. */
  #lost(worker: Worker, reason: string): void {
    if (worker !== this.#worker) return
    this.#worker = undefined
    if (this.#waiting.length > 0) this.#settle(failed(`the query thread ended: ${reason}`))
  }

  #settle(answer: QueryAnswer): void {
    this.#waiting.shift()?.settle(answer)
    if (!this.#stopped) this.#next()
  }

  #end(): Promise<unknown> | undefined {
    const worker = this.#worker
    this.#worker = undefined
    return worker?.terminate()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    for (const { settle } of this.#waiting.splice(0)) settle(failed('the edge is stopping'))
    await this.#end()
  }
}

function busy(waitingMax: number): QueryAnswer {
  return { kind: 'busy', message: `${waitingMax} questions are already waiting`, remedy: 'ask again in a moment' }
}

function late(answerMsMax: number): QueryAnswer {
  const message = `the answer took longer than ${answerMsMax / 1_000} s`
  return { kind: 'late', message, remedy: 'ask for a shorter time range, or for longer intervals' }
}

function failed(message: string): QueryAnswer {
  return { kind: 'failed', message, remedy: 'ask again, with a smaller `limit` if there is one' }
}
