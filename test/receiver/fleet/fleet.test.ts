import { beforeEach, describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../../src/base/clock.ts'
import { BatchBuilder } from '../../../src/codec/batch.ts'
import { decodeRequest, type ResendRequest } from '../../../src/codec/request.ts'
import { openLink } from '../../../src/link/open.ts'
import type { EdgeView } from '../../../src/receiver/fleet/fleet.ts'
import { openStatus } from '../../../src/receiver/fleet/status-message.ts'
import type { Receiver } from '../../../src/receiver/receiver.ts'
import { SqliteSink } from '../../../src/receiver/sqlite/sqlite-sink.ts'
import { tempFolder } from '../../../support/folder.ts'
import { type Mosquitto, startMosquitto } from '../../../support/mosquitto.ts'
import { describePeer } from '../../../support/peers.ts'
import { onStop } from '../../../support/started.ts'
import { until } from '../../../support/wait.ts'
import { runHere } from '../../cli/recorder.ts'
import { EDGE, EPOCH, encoded, RUN, readings } from '../batches.ts'
import { startEdge, startReceiving } from '../scene.ts'

const STATUS = `tidegate/${EDGE}/status`

/** The report of an edge, with the fields that receivers read and others. */
function report(more: Record<string, unknown> = {}): Buffer {
  const backlog = { uplink: 'cloud', waiting: 3, oldestAt: Date.now() - 5_000, confirmed: 9 }
  const said = { state: 'online', version: '1.2.3', at: Date.now() - 60_000, upMs: 12.5, healthy: true, problems: [] }
  return Buffer.from(JSON.stringify({ ...said, epoch: EPOCH, lastSeq: 9, backlog, ...more }))
}

type Seen = Partial<EdgeView> & { readonly reportedAt?: string }

describePeer('mosquitto', 'a receiver watches its edges over Mosquitto', () => {
  let broker: Mosquitto
  let folder: string
  let sink: SqliteSink
  let receiver: Receiver
  beforeEach(async () => {
    broker = await startMosquitto()
    folder = tempFolder()
    await start()
  })

  async function start(clock: Clock = systemClock): Promise<void> {
    sink = SqliteSink.open(folder)
    onStop(() => sink.close())
    receiver = await startReceiving(broker.url, sink, {}, clock)
  }

  async function seen(): Promise<Seen[]> {
    const { code, stdout } = await runHere(['receive', 'fleet', '--data', folder, '--json'])
    expect(code).toBe(0)
    return JSON.parse(stdout) as Seen[]
  }

  it('shows which edges are online, with their backlog and clock offset, also from another process while the receiver runs', async () => {
    const now = Date.now()
    await receiver.stop()
    await start({ now: () => now })
    const edge = await startEdge(broker.url)
    await edge.send('live', encoded(readings(1, 5)))
    await edge.link.publish(STATUS, report({ at: now - 60_000 }), { qos: 1, retain: true })
    await until(async () => (await seen())[0]?.state === 'online')
    const view = (await seen())[0]!
    expect(view).toMatchObject({ edge: EDGE, state: 'online', version: '1.2.3', healthy: true, readings: 5, upMs: 13 })
    expect(view).toMatchObject({
      backlog: { waiting: 3 },
      epoch: EPOCH,
      lastSeq: 9,
      problems: [],
      clockOffsetMs: 60_000,
    })
    const { stdout } = await runHere(['receive', 'fleet', '--data', folder])
    expect(stdout).toMatch(/plant-7 +online +20\S+Z +1\.2\.3 +5 +3 +20\S+Z +\+60 s/)
  })

  it('learns from its will that an edge is offline, and keeps its last report', async () => {
    const will = { topic: STATUS, payload: Buffer.from('{"state":"offline"}'), qos: 1, retain: true } as const
    const doomed = { clientId: 'doomed', session: false, keepaliveS: 30, connectTimeoutMs: 5_000, will }
    const link = await openLink({ url: broker.url, ...doomed })
    await link.publish(STATUS, report({ problems: ['it smokes'] }), { qos: 1, retain: true })
    link.destroy()
    await until(async () => (await seen())[0]?.state === 'offline')
    expect((await seen())[0]).toMatchObject({ version: '1.2.3', problems: ['it smokes'] })
  })

  it('takes the report from a retained message, but no time of contact and no clock offset', async () => {
    await receiver.stop()
    const edge = await startEdge(broker.url)
    await edge.link.publish(STATUS, report(), { qos: 1, retain: true })
    await start()
    await until(async () => (await seen())[0]?.state === 'online')
    const view = (await seen())[0]!
    expect(view.reportedAt).toBeDefined()
    expect([view.seenAt, view.clockOffsetMs]).toEqual([undefined, undefined])
  })

  it('sees every edge of a large fleet when it connects, however many edges have sent a status before', async () => {
    await receiver.stop()
    const edge = await startEdge(broker.url)
    const said = Array.from({ length: 500 }, (_, i) => `tidegate/edge-${i}/status`)
    for (const topic of said) await edge.link.publish(topic, report(), { qos: 1, retain: true })
    await start()
    await until(async () => (await seen()).length === said.length)
  })

  it('ignores and counts an invalid status, and continues', async () => {
    const edge = await startEdge(broker.url)
    for (const payload of ['', '{', '[]', '{"state":"dancing"}', '{"state":"online","lastSeq":-1}']) {
      await edge.link.publish(STATUS, Buffer.from(payload), { qos: 1 })
    }
    await edge.link.publish(STATUS, Buffer.concat([report(), Buffer.alloc(65_536, ' ')]), { qos: 1 })
    await edge.link.publish(STATUS, report(), { qos: 1 })
    await until(() => receiver.stats().fleet?.statuses === 1)
    expect(receiver.stats().fleet).toEqual({ statuses: 1, malformed: 6, unnoted: 0 })
    expect(receiver.stats()).toMatchObject({ rejected: 0, connected: true })
  })

  it('requests a gap from an edge for an operator, and the edge sends the readings and reports the removed ones as empty', async () => {
    const requests: ResendRequest[] = []
    const edge = await startEdge(broker.url)
    const link = await openLink({
      url: broker.url,
      clientId: 'ears',
      session: false,
      keepaliveS: 30,
      connectTimeoutMs: 5_000,
      onMessage: (_topic, payload) => {
        const decoded = decodeRequest(payload)
        if (decoded.ok) requests.push(decoded.request)
      },
    })
    onStop(() => link.close())
    await link.subscribe(`tidegate/${EDGE}/down/request`, 1)
    await edge.send('live', encoded(readings(8, 9)))
    await edge.received(1)
    const gaps = ['receive', 'gaps', '--data', folder]
    expect((await runHere(gaps)).stdout).toMatch(/plant-7 +epoch-1 +1 +7 +7 +20\S+Z *\n/)
    expect(await runHere([...gaps, '--request', '--edge', EDGE])).toMatchObject({ code: 0, stderr: /^1 requests/ })
    expect((await runHere(gaps)).stdout).toContain('not sent yet')
    expect(requests).toEqual([])
    await edge.link.publish(STATUS, report(), { qos: 1 })
    await until(() => requests.length > 0)
    expect(requests).toEqual([{ epoch: EPOCH, ranges: [{ first: 1, last: 7 }] }])
    await edge.send('backfill', encoded(readings(2, 3)))
    const { bytes } = new BatchBuilder({ edge: EDGE, epoch: EPOCH, run: RUN }).build(unnamed, {
      covers: { first: 1, last: 7 },
    })
    await edge.send('backfill', bytes)
    await edge.received(3)
    expect((await runHere(gaps)).stdout).toBe('no gaps\n')
    expect(await runHere([...gaps, '--json'])).toMatchObject({ stdout: '[]\n' })
    expect(await sink.fleet.edges()).toMatchObject([{ readings: 4 }])
  })
})

function unnamed(): never {
  throw new Error('there is no series')
}

describe('the status of an edge', () => {
  const arrival = { edge: EDGE, at: 1_000, retained: false }

  it('is cut to a bounded size', () => {
    const problems = Array.from({ length: 1_000 }, (_, i) => `${i} `.repeat(20))
    const note = openStatus(
      report({ problems: [...problems.slice(0, 3), 'long '.repeat(1_000), ...problems.slice(3, 300)] }),
      arrival,
    )
    expect(note?.report?.problems).toHaveLength(20)
    expect(Math.max(...note!.report!.problems.map(({ length }) => length))).toBe(300)
  })

  it('may omit everything but the state', () => {
    const note = openStatus(Buffer.from('{"state":"online","more":{"a":[1]}}'), arrival)
    expect(note).toMatchObject({ state: 'online', seenAt: 1_000, clockOffsetMs: undefined, report: { problems: [] } })
  })

  it('is ignored when a number is impossible or a text is too long', () => {
    const changes = [{ at: 1e300 }, { at: '5' }, { lastSeq: 2 ** 60 }, { epoch: 'e'.repeat(65) }, { backlog: [] }]
    for (const change of changes) expect(openStatus(report(change), arrival)).toBeUndefined()
    expect(openStatus(report(), arrival)).toBeDefined()
  })
})
