/**
 * Ingests until it is killed: `doomed-ingest.ts FOLDER FIRST`. Values rise by one from FIRST, each with the QoS 2
 * identifier of its number; every second one is released. Prints a line on standard output for each settled call: `s
 * VALUE` stored, `r VALUE` released; and `a VALUE` before it asks for a release.
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

/** Writes a whole line at once. While the pipe is full, nothing else is done. */
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
