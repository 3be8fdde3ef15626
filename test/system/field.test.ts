import { expect, it } from 'vitest'
import { tempFolder } from '../../support/folder.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer, peers } from '../../support/peers.ts'
import { runTidegate, startProcess } from '../../support/process.ts'
import { describeRecorded, type RecordedSeries, recordedSeries } from '../../support/recorded-data.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { SteadyDevice } from '../../support/steady-device.ts'

/** The readings of one series. */
const ROWS_MAX = 6_000
/** Limit for all acknowledgements of a replay. */
const REPLAY_MS = 200_000

const payloadOf = ({ ts, text }: RecordedSeries['rows'][number]): string => `{"value":${text},"ts":${ts}}`

/** MQTT.js in its usual configuration: it reconnects and repeats unacknowledged publishes. */
async function replayWithMqttJs(series: readonly RecordedSeries[], port: number): Promise<void> {
  const device = new SteadyDevice({ port, clientId: 'mqttjs', reconnectMs: 200 })
  for (const { name, rows } of series) {
    for (const row of rows) device.publish(`telemetry/${name}/value`, payloadOf(row))
  }
  await device.untilAcknowledged(REPLAY_MS)
  device.stop()
}

/** mosquitto_pub, one process per series, one line per message. */
async function replayWithMosquittoPub({ name, rows }: RecordedSeries, port: number): Promise<void> {
  const args = ['-h', '127.0.0.1', '-p', `${port}`, '-t', `telemetry/${name}/value`, '-i', name, '-c', '-q', '1', '-l']
  const publisher = startProcess(peers.mosquittoPub!, args, { input: `${rows.map(payloadOf).join('\n')}\n` })
  expect(await publisher.exit, publisher.stderr).toBe(0)
}

describePeer('mosquittoPub', 'a site and its cloud', () => {
  describeRecorded('on recorded telemetry', () => {
    it('lose and duplicate nothing while edge, cloud broker and receiver are killed again and again', async () => {
      const cloud = await startMosquitto({ persistenceFolder: tempFolder() })
      const receiver = new SiteReceiver(cloud.url)
      await receiver.start()
      const edge = await SiteEdge.create({ uplinks: [{ url: cloud.url, ...QUICK_UPLINK }] })
      await edge.start()
      const series = recordedSeries().map(({ name, rows }) => ({ name, rows: rows.slice(0, ROWS_MAX) }))
      const total = series.reduce((sum, { rows }) => sum + rows.length, 0)
      const byMqttJs = series.filter(({ rows }) => rows.length < ROWS_MAX)
      const byMosquittoPub = series.filter(({ rows }) => rows.length === ROWS_MAX)
      const replays = Promise.all([
        replayWithMqttJs(byMqttJs, edge.port),
        ...byMosquittoPub.map((one) => replayWithMosquittoPub(one, edge.port)),
      ])

      const killEdge = async (): Promise<void> => {
        await edge.kill()
        await edge.start()
      }
      const killCloud = async (): Promise<void> => {
        await cloud.kill()
        await cloud.restart()
      }
      const killReceiver = async (): Promise<void> => {
        await receiver.kill()
        await receiver.start()
      }
      const disasters = [killEdge, killCloud, killReceiver, killEdge, killReceiver, killCloud, killEdge]
      for (const [n, strike] of disasters.entries()) {
        const due = (total * (n + 1)) / (disasters.length + 3)
        await edge.untilStored(due, 60_000)
        await strike()
      }
      await replays
      await edge.untilStored(total)
      await edge.untilDrained(60_000)

      const expected = series.flatMap(({ name, rows }) => rows.map(({ ts, text }) => `${name} ${ts} ${Number(text)}`))
      const received = receiver.readings().map(({ device, ts, value }) => `${device} ${ts} ${value}`)
      expect(received.length).toBe(total)
      expect(received.toSorted()).toEqual(expected.toSorted())
      const bits = new Map(expected.map((line) => [line, true]))
      expect(receiver.readings().every(({ device, ts, value }) => bits.has(`${device} ${ts} ${value}`))).toBe(true)
      expect(edge.ledgerProblems()).toEqual([])
      expect(await runTidegate(['ledger', '-s', edge.settingsFile])).toMatchObject({ code: 0 })
      expect(await edge.stop()).toBe(0)
      await receiver.stop()
    }, 240_000)
  })
})
