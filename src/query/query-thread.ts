import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../base/clock.ts'
import { messageOf, OperatorError } from '../base/errors.ts'
import { openReadOnly } from '../store/database.ts'
import { History } from '../store/history/history.ts'
import { answer, Unknown } from './answers.ts'
import type { QueryAnswer, QueryThreadData, Question } from './protocol.ts'

/**
 * Page cache of the connection, less than the default of 16 MiB: the system caches the file anyway, and memory of a thread
 * that has ended is mostly not returned to the system.
 */
const CACHE_KIB = 2_048

const { folder } = workerData as QueryThreadData
let history: History | undefined

function open(): History {
  const database = openReadOnly(folder)
  database.pragma(`cache_size = -${CACHE_KIB}`)
  return new History(database, systemClock)
}

function reply(question: Question): QueryAnswer {
  try {
    history ??= open()
    return { kind: 'answer', json: answer(history, question) }
  } catch (failure) {
    if (failure instanceof Unknown) return { kind: 'unknown', message: failure.message, remedy: failure.remedy }
    const remedy = failure instanceof OperatorError ? failure.remedy : 'ask again; if it keeps failing, report it'
    return { kind: 'failed', message: messageOf(failure), remedy }
  }
}

/** The thread that answers questions about the history: read-only, one question at a time. */
parentPort!.on('message', (question: Question) => {
  const answer = reply(question)
  parentPort!.postMessage(answer, answer.kind === 'answer' ? [answer.json.buffer as ArrayBuffer] : [])
})
