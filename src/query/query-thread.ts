import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../base/clock.ts'
import { messageOf, OperatorError } from '../base/errors.ts'
import { openReadOnly } from '../store/database.ts'
import { History } from '../store/history/history.ts'
import { answer, Unknown } from './answers.ts'
import type { QueryAnswer, QueryThreadData, Question } from './protocol.ts'

const { folder } = workerData as QueryThreadData
let history: History | undefined

function reply(question: Question): QueryAnswer {
  try {
    history ??= new History(openReadOnly(folder), systemClock)
    return { kind: 'answer', json: new TextEncoder().encode(answer(history, question)) }
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
