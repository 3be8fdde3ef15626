import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { Aedes } from 'aedes'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { pause } from '../../../../src/base/clock.ts'
import { payloadText, replayAll } from '../../../../src/cli/commands/replay/play.ts'
import type { ReplayPublisher } from '../../../../src/cli/commands/replay/publisher.ts'
import { parseSampleTime } from '../../../../src/cli/commands/replay/series.ts'
import { openLink } from '../../../../src/link/open.ts'
import { tempFolder } from '../../../../support/folder.ts'
import { startMosquitto } from '../../../../support/mosquitto.ts'
import { describePeer } from '../../../../support/peers.ts'
import { runTidegate, startTidegate } from '../../../../support/process.ts'
import { startProxy } from '../../../../support/proxy.ts'
import { onStop } from '../../../../support/started.ts'
import { until } from '../../../../support/wait.ts'

interface Heard {
  readonly topic: string
  readonly text: string
  readonly qos: number
}

interface Listener {
  readonly port: number
  readonly url: string
  readonly heard: Heard[]
  /** Number of clients that have connected so far. */
  readonly clients: number
}

/** A real broker that records what is published to it. */
async function startListener(): Promise<Listener> {
  const heard: Heard[] = []
  const broker = await Aedes.createBroker({
    authorizePublish: (client, { topic, payload, qos }, callback) => {
      if (client) heard.push({ topic, text: payload.toString(), qos })
      callback(null)
    },
  })
  let clients = 0
  broker.on('client', () => clients++)
  const server = createServer((socket) => void broker.handle(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onStop(() => new Promise<void>((resolve) => broker.close(() => server.close(() => resolve()))))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `mqtt://127.0.0.1:${port}`,
    heard,
    get clients() {
      return clients
    },
  }
}

/** Writes a CSV file with one row per minute. @returns its name. */
function seriesFile(name: string, values: readonly (string | number)[]): string {
  const file = join(tempFolder(), name)
  const rows = values.map(
    (value, minute) => `${new Date(minute * 60_000 + START).toISOString().slice(0, 19).replace('T', ' ')},${value}`,
  )
  writeFileSync(file, ['timestamp,value', ...rows, ''].join('\n'))
  return file
}
const START = Date.UTC(2013, 11, 2, 21, 15)

describe('a replayed series', () => {
  it('arrives completely and in order, with the times and digits of the file', async () => {
    const { url, heard } = await startListener()
    const file = seriesFile('machine.csv', ['73.96732207', '74.93588199999998', '-0', '', 'nan', 'open', '1e3'])
    const replay = await runTidegate(['replay', file, '--url', url, '--metric', 'temperature', '--rate', '0', '--json'])
    expect(replay).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(replay.stdout)).toMatchObject({
      devices: 1,
      published: 7,
      acknowledged: 7,
      refused: 0,
      reconnects: 0,
    })
    expect(heard.map(({ text }) => text)).toEqual([
      `{"value":73.96732207,"ts":${START}}`,
      `{"value":74.93588199999998,"ts":${START + 60_000}}`,
      ...['-0', 'null', 'null', '"open"', '1e3'].map(
        (value, row) => `{"value":${value},"ts":${START + (row + 2) * 60_000}}`,
      ),
    ])
    expect(new Set(heard.map(({ topic, qos }) => `${topic} ${qos}`))).toEqual(
      new Set(['telemetry/machine/temperature 1']),
    )
  })

  it('is published as one device per file, all at the same time, when it has several files', async () => {
    const { url, heard } = await startListener()
    const files = [seriesFile('a.csv', [1, 2, 3]), seriesFile('b.csv', [4])]
    const { code, stdout } = await runTidegate([
      'replay',
      ...files,
      '--url',
      url,
      '--rate',
      '0',
      '--topic',
      'x/{device}',
      '--metric',
      'm',
    ])
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^4 published by 2 devices .*: 4 acknowledged, 0 refused/),
    })
    expect(heard.map(({ topic }) => topic)).toEqual(['x/a', 'x/b', 'x/a', 'x/a'])
    expect(heard[3]?.text).toBe(`{"m":3,"ts":${START + 120_000}}`)
  })

  it('waits for its --rate, so that a faster replay that starts later ends first', async () => {
    const listener = await startListener()
    const file = seriesFile('a.csv', [1, 2, 3])
    const run = ['replay', file, '--url', listener.url]
    const slow = startTidegate([...run, '--rate', '0.001'])
    await until(() => listener.clients === 1, { what: 'the slow replay is connected' })
    const fast = await runTidegate([...run, '--rate', '0', '--device', 'fast'])
    expect(fast.code).toBe(0)
    expect(listener.heard.map(({ topic }) => topic)).toEqual(Array(3).fill('telemetry/fast/value'))
    await slow.stop()
  })

  it('arrives completely even if the connection is cut repeatedly', async () => {
    const { port, heard } = await startListener()
    const proxy = await startProxy({ to: port })
    const count = 8_000
    const file = seriesFile(
      'a.csv',
      Array.from({ length: count }, (_, i) => i),
    )
    const replay = startTidegate(['replay', file, '--url', proxy.url, '--rate', '2000', '--json'])
    for (let cuts = 0; cuts < 3; cuts++) {
      const before = { heard: heard.length, opened: proxy.opened }
      await until(() => proxy.opened > before.opened, { what: `a connection after ${cuts} cuts` })
      await until(() => heard.length > before.heard + 200, { what: `values after ${cuts} cuts` })
      proxy.cut()
    }
    expect(await replay.exit).toBe(0)
    const { published, acknowledged, reconnects } = JSON.parse(replay.stdout)
    expect({ published, acknowledged }).toEqual({ published: count, acknowledged: count })
    expect(reconnects).toBeGreaterThanOrEqual(3)
    const values = heard.map(({ text }) => JSON.parse(text).value)
    expect([...new Set(values)]).toEqual(Array.from({ length: count }, (_, i) => i))
  })

  it('is refused with the file and the line when it is invalid', async () => {
    const { url } = await startListener()
    const refusal = async (text: string | Buffer) => {
      const file = join(tempFolder(), 'bad.csv')
      writeFileSync(file, text)
      const { code, stderr } = await runTidegate(['replay', file, '--url', url, '--rate', '0'])
      return `${code} ${stderr.split('\n')[0]?.replace(file, 'bad.csv')}`
    }
    expect(await refusal('time;value\n')).toMatch(/^1 error: bad.csv:1 .*must be timestamp,value/)
    expect(await refusal('timestamp,value\n2013-12-02 21:15:00,1\n2013-13-02 21:15:00,1\n')).toMatch(
      /^1 error: bad.csv:3 /,
    )
    const latin = Buffer.from('timestamp,value\n2013-12-02 21:15:00,\xfcber\n', 'latin1')
    expect(await refusal(latin)).toMatch(/^1 error: bad.csv:2 .*not UTF-8/)
    expect(await refusal('')).toMatch(/^1 error: bad.csv:1 .*empty/)
    const missing = await runTidegate(['replay', '/no/such.csv', '--url', url])
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error: cannot read the series/) })
  })

  it('ends with exit code 69 when no broker answers, and with 64 when a name is not allowed', async () => {
    const file = seriesFile('a.csv', [1])
    const unanswered = await runTidegate(['replay', file, '--url', 'mqtt://127.0.0.1:9'])
    expect(unanswered).toMatchObject({ code: 69, stdout: '', stderr: expect.stringMatching(/^error: cannot connect/) })
    for (const wrong of [
      ['--device', 'a/b'],
      ['--device', 'a#'],
      ['--metric', '+'],
      ['--url', 'http://x'],
      ['--topic', 'a/#'],
    ]) {
      expect(await runTidegate(['replay', file, ...wrong])).toMatchObject({ code: 64, stdout: '' })
    }
  })
})

describe('a replay at 50 messages per second', () => {
  /** Replays a series in simulated time. @returns when each message was sent (ms after the start). */
  async function sendTimes(count: number, waitMs: (sent: number) => number): Promise<number[]> {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const startedAt = performance.now()
    const times: number[] = []
    const send = (): Promise<void> | undefined => {
      times.push(Math.round(performance.now() - startedAt))
      const ms = waitMs(times.length)
      return ms === 0 ? undefined : pause(ms)
    }
    const publisher = { send, settled: async () => undefined } as Partial<ReplayPublisher> as ReplayPublisher
    const file = seriesFile('a.csv', Array(count).fill(1))
    const part = { file, topic: 't', device: 'd', metric: 'm', format: 'json' } as const
    let isOver = false
    const replaying = replayAll([part], 50, publisher, () => undefined).finally(() => {
      isOver = true
    })
    while (!isOver) {
      await vi.advanceTimersToNextTimerAsync()
      await new Promise(setImmediate)
    }
    expect(await replaying).toBe(count)
    return times
  }

  it('sends a message every 20 ms', async () => {
    expect(await sendTimes(60, () => 0)).toEqual(Array.from({ length: 60 }, (_, i) => 20 * (i + 1)))
  })

  it('makes up for at most 1 s of a delay', async () => {
    const times = await sendTimes(100, (sent) => (sent === 10 ? 5_000 : 0))
    const before = Array.from({ length: 10 }, (_, i) => 20 * (i + 1))
    const burst = Array(51).fill(5_200)
    const after = Array.from({ length: 39 }, (_, i) => 5_220 + 20 * i)
    expect(times).toEqual([...before, ...burst, ...after])
  })
})

describePeer('mosquitto', 'a series replayed to a broker that accepts only a few messages in flight', () => {
  it('keeps its order when connections are lost', async () => {
    const mosquitto = await startMosquitto({ config: 'max_inflight_messages 5' })
    const proxy = await startProxy({ to: mosquitto.port })
    const values: number[] = []
    const link = await openLink({
      url: mosquitto.url,
      clientId: 'listener',
      session: false,
      keepaliveS: 30,
      connectTimeoutMs: 5_000,
      onMessage: (_topic, payload) => void values.push(JSON.parse(Buffer.from(payload).toString()).value),
    })
    await link.subscribe('telemetry/#', 1)
    const count = 2_000
    const file = seriesFile(
      'a.csv',
      Array.from({ length: count }, (_, i) => i),
    )
    const replay = startTidegate(['replay', file, '--url', proxy.url, '--rate', '0', '--window', '50'])
    for (const share of [0.1, 0.3, 0.5]) {
      await until(() => values.length > count * share, { what: `${share} of the series heard` })
      proxy.cut()
    }
    expect(await replay.exit).toBe(0)
    await until(() => values.at(-1) === count - 1, { what: 'the last value' })
    expect([...new Set(values)]).toEqual(Array.from({ length: count }, (_, i) => i))
    await link.close()
  })
})

describe('times of a series', () => {
  it('are UTC in every time zone of the machine; a date that does not exist is refused', () => {
    const anyTime = fc.date({ min: new Date(0), max: new Date('2200-01-01'), noInvalidDate: true })
    fc.assert(
      fc.property(anyTime, (date) => {
        expect(parseSampleTime(date.toISOString().replace('T', ' ').replace('Z', ''))).toBe(date.getTime())
      }),
    )
    for (const wrong of [
      '2013-02-30 00:00:00',
      '2013-00-01 00:00',
      '2013-01-01',
      '1385942400',
      '2013-01-01 00:00:00+01:00',
      '',
    ]) {
      expect(parseSampleTime(wrong)).toBeUndefined()
    }
  })

  it('before May 1970 are sent as text, because a small number would be read as seconds', () => {
    const part = { file: '', topic: 't/{device}/{metric}', device: 'd', metric: 'm', format: 'json' } as const
    expect(payloadText({ ts: 1_000, text: '1' }, part)).toBe('{"value":1,"ts":"1970-01-01T00:00:01.000Z"}')
  })
})
