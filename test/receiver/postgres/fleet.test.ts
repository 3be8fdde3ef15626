import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { EdgeNote } from '../../../src/receiver/fleet/fleet.ts'
import { tempFolder } from '../../../support/folder.ts'
import { describePeer } from '../../../support/peers.ts'
import { runHere } from '../../cli/recorder.ts'
import { batch, EDGE, EPOCH, reading } from '../batches.ts'
import { describeFleet } from '../contracts/fleet.ts'
import { AT, openSink } from './scene.ts'

const NOTE: EdgeNote = { edge: EDGE, state: 'online', seenAt: AT, report: undefined, clockOffsetMs: undefined }

describePeer('postgres', 'a sink in PostgreSQL', () => {
  describeFleet('the PostgreSQL sink', () => openSink())

  it('gives a request to only one of several receivers', async () => {
    const { sink, schema } = await openSink()
    const other = (await openSink({ schema })).sink
    await sink.store([batch([reading(50)])], AT)
    await sink.fleet.note([NOTE])
    const gaps = Array.from({ length: 10 }, (_, i) => ({ edge: EDGE, epoch: EPOCH, first: 4 * i + 1, last: 4 * i + 2 }))
    await sink.fleet.request(gaps, AT)
    const asked = (await Promise.all([sink.fleet.due(AT), other.fleet.due(AT)])).flat()
    const ranges = asked.flatMap((request) => request.ranges)
    expect(ranges.toSorted((a, b) => a.first - b.first)).toEqual(gaps.map(({ first, last }) => ({ first, last })))
  })

  it('is read by the commands with the settings of a receiver', async () => {
    const { sink, schema, postgres } = await openSink()
    await sink.store([batch([reading(5)])], AT)
    const file = join(tempFolder(), 'receiver.yaml')
    writeFileSync(file, `cloud: { url: 'mqtt://127.0.0.1' }\nsink: ${postgres.url}\npostgres: { schema: ${schema} }\n`)
    expect((await runHere(['receive', 'fleet', '-s', file])).stdout).toMatch(/plant-7 +unknown/)
    const gaps = await runHere(['receive', 'gaps', '-s', file, '--request'])
    expect(gaps).toMatchObject({ code: 0, stdout: expect.stringMatching(/plant-7 +epoch-1 +1 +4 +4/) })
    const unknown = await runHere(['receive', 'gaps', '-s', file, '--edge', 'plant-8'])
    expect(unknown).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('did you mean "plant-7"') })
    expect(await sink.fleet.gaps({ limit: 9 })).toMatchObject([{ first: 1, last: 4, askedAt: 0 }])
  })

  it('accepts notes on the same edges from several receivers at once, in any order', async () => {
    const { sink, schema } = await openSink()
    const other = (await openSink({ schema })).sink
    const notes = Array.from({ length: 40 }, (_, i): EdgeNote => ({ ...NOTE, edge: `edge-${i}` }))
    await Promise.all([sink.fleet.note(notes), other.fleet.note(notes.toReversed()), sink.fleet.note(notes)])
    expect(await other.fleet.edges()).toHaveLength(40)
  })
})
