/**
 * Ingests until it is killed: `doomed-ingest.ts FOLDER FIRST`. Values rise by one from FIRST, each with the QoS 2
 * identifier of its number; every second one is released. A line on standard output for what was settled: `s VALUE` stored,
 * `r VALUE` released; `a VALUE` before a release is asked for.
 */
import { writeSync } from 'node:fs'
import { Spine } from './spine.ts'

/** Publishes not settled yet. */
const PENDING_MAX = 300

const [folder, first] = process.argv.slice(2)
const spine = await Spine.start(folder!, { ingest: { batchMessagesMax: 64 } })
let next = Number(first)
let pending = 0

function publish(value: number): void {
  const id = { client: 'press', messageId: value }
  const message = { topic: `telemetry/press-${value % 5}/force`, client: 'press', dup: false }
  pending++
  spine.ingest.offer(
    { ...message, payload: Buffer.from(`${value}`) },
    (failure) => {
      pending--
      if (failure !== undefined) throw failure
      writeSync(1, `s ${value}\n`)
      if (value % 2 === 0) release(value)
    },
    id,
  )
}

function release(value: number): void {
  writeSync(1, `a ${value}\n`)
  spine.ingest.release({ client: 'press', messageId: value }, (failure) => {
    if (failure !== undefined) throw failure
    writeSync(1, `r ${value}\n`)
  })
}

setInterval(() => {
  while (pending < PENDING_MAX) publish(next++)
}, 1)
