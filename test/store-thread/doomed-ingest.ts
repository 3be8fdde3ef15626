/**
 * Ingests until it is killed: `doomed-ingest.ts FOLDER FIRST`. Values rise by one from FIRST, each with the QoS 2
 * identifier of its number; every second one is released. A line on standard output for what was settled: `s VALUE` stored,
 * `r VALUE` released; `a VALUE` before a release is asked for.
 */
import { writeSync } from 'node:fs'
import { codeOf } from '../../src/base/errors.ts'
import { Spine } from './spine.ts'

/** Publishes not settled yet. */
const PENDING_MAX = 300

const [folder, first] = process.argv.slice(2)
const spine = await Spine.start(folder!, { ingest: { batchMessagesMax: 64 } })
let next = Number(first)
let pending = 0

/** A line at once, whole. The pipe may be full for a while: nothing else is done meanwhile. */
function tell(line: string): void {
  for (;;) {
    try {
      writeSync(1, `${line}\n`)
      return
    } catch (failure) {
      if (codeOf(failure) !== 'EAGAIN') throw failure
    }
  }
}

function publish(value: number): void {
  const id = { client: 'press', messageId: value }
  const message = { topic: `telemetry/press-${value % 5}/force`, client: 'press', dup: false }
  pending++
  spine.ingest.offer(
    { ...message, payload: Buffer.from(`${value}`) },
    (failure) => {
      pending--
      if (failure !== undefined) throw failure
      tell(`s ${value}`)
      if (value % 2 === 0) release(value)
    },
    id,
  )
}

function release(value: number): void {
  tell(`a ${value}`)
  spine.ingest.release({ client: 'press', messageId: value }, (failure) => {
    if (failure !== undefined) throw failure
    tell(`r ${value}`)
  })
}

setInterval(() => {
  while (pending < PENDING_MAX) publish(next++)
}, 1)
