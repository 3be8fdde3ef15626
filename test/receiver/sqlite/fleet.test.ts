import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { EDGES_MAX, type EdgeNote, REQUESTS_MAX } from '../../../src/receiver/fleet/fleet.ts'
import { APPLICATION_ID, MIGRATIONS } from '../../../src/receiver/sqlite/schema.ts'
import { DATABASE_FILE, SqliteSink } from '../../../src/receiver/sqlite/sqlite-sink.ts'
import { tempFolder } from '../../../support/folder.ts'
import { onStop } from '../../../support/started.ts'
import { batch, EDGE, readings } from '../batches.ts'
import { describeFleet } from '../contracts/fleet.ts'

const AT = 1_700_000_000_000

function openSink(folder = tempFolder()): SqliteSink {
  const sink = SqliteSink.open(folder)
  onStop(() => sink.close())
  return sink
}

describeFleet('the SQLite sink', () => ({ sink: openSink() }))

describe('the view of the edges in received.db', () => {
  it('is bounded: an edge beyond the limit is not kept, nor a request beyond the limit', async () => {
    const { fleet } = openSink()
    const note: EdgeNote = { edge: '', state: 'offline', seenAt: AT, report: undefined, clockOffsetMs: undefined }
    await fleet.note(Array.from({ length: EDGES_MAX + 1 }, (_, i) => ({ ...note, edge: `edge-${i}` })))
    expect(await fleet.edges()).toHaveLength(EDGES_MAX)
    await fleet.note([{ ...note, edge: 'edge-0', state: 'online' }])
    expect((await fleet.edges())[0]).toMatchObject({ edge: 'edge-0', state: 'online' })
    const gaps = Array.from({ length: REQUESTS_MAX + 1 }, (_, i) => ({
      edge: EDGE,
      epoch: 'e',
      first: i + 1,
      last: i + 1,
    }))
    expect(await fleet.request(gaps, AT)).toBe(REQUESTS_MAX)
  })

  it('counts the readings of a database of the previous version', async () => {
    const folder = tempFolder()
    const older = new SQLite(join(folder, DATABASE_FILE))
    older.exec(`${MIGRATIONS[0]}
      INSERT INTO logs VALUES (1, '${EDGE}', 'e'); INSERT INTO series VALUES (1, 'd', 'm', '');
      INSERT INTO reading VALUES (1, 5, 1, 1, 0.5, 1, 0, ${AT}), (1, 6, 1, 2, 0.5, 1, 0, ${AT + 1});
      INSERT INTO positions VALUES (1, 1, 2)`)
    older.pragma(`application_id = ${APPLICATION_ID}`)
    older.pragma('user_version = 1')
    older.close()
    const sink = openSink(folder)
    expect(await sink.fleet.edges()).toMatchObject([{ edge: EDGE, readings: 2, storedAt: AT + 1 }])
    await sink.store([batch(readings(1, 3), { epoch: 'f' })], AT + 2)
    expect(await sink.fleet.edges()).toMatchObject([{ edge: EDGE, readings: 5, storedAt: AT + 2 }])
  })

  it('is unchanged after a restart', async () => {
    const folder = tempFolder()
    const sink = openSink(folder)
    await sink.fleet.note([{ edge: EDGE, state: 'offline', seenAt: AT, report: undefined, clockOffsetMs: undefined }])
    await sink.fleet.request([{ edge: EDGE, epoch: 'e', first: 1, last: 2 }], AT)
    const before = await sink.fleet.edges()
    await sink.close()
    const again = openSink(folder)
    expect(await again.fleet.edges()).toEqual(before)
    expect(await again.fleet.request([{ edge: EDGE, epoch: 'e', first: 1, last: 2 }], AT)).toBe(0)
  })
})
