import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { openLink } from '../../../src/link/open.ts'
import { tempFolder } from '../../../support/folder.ts'
import { freePort } from '../../../support/port.ts'
import { type RunningProcess, startTidegate } from '../../../support/process.ts'
import { onStop } from '../../../support/started.ts'
import { runHere } from '../recorder.ts'

interface EdgeUnderTest {
  readonly process: RunningProcess
  readonly file: string
  readonly data: string
  readonly url: string
}

/** Writes the settings of an edge with a free web port. @returns the file name. */
async function edgeFile(): Promise<string> {
  const folder = tempFolder()
  const file = join(folder, 'edge.yaml')
  const web = await freePort()
  writeFileSync(
    file,
    `edge: site-1\nbroker: { tcp: { host: 127.0.0.1, port: 0 } }\nweb: { port: ${web} }\nlog: { level: warn }`,
  )
  return file
}

async function startEdge(): Promise<EdgeUnderTest> {
  const file = await edgeFile()
  const process = startTidegate(['run', '-s', file])
  const ready = await process.waitFor(/^tidegate: edge site-1 is ready: mqtt (\S+), web http:\S+, data (.*)$/m)
  return { process, file, url: `mqtt://${ready[1]}`, data: ready[2]! }
}

async function publish(url: string, topic: string, payload: Uint8Array): Promise<void> {
  const link = await openLink({ url, clientId: 'press-9', session: false, keepaliveS: 30, connectTimeoutMs: 5_000 })
  await link.publish(topic, payload, { qos: 1 })
  await link.close()
}

const json = async (...args: string[]) => {
  const { code, stdout } = await runHere([...args, '--json'])
  return { code, data: JSON.parse(stdout) }
}

describe('a running edge', () => {
  it('is healthy, accounts for every published message, and shows the ones that it could not decode', async () => {
    const { file, url, data } = await startEdge()
    const series = join(tempFolder(), 'press-1.csv')
    writeFileSync(series, 'timestamp,value\n2013-12-02 21:15:00,1\n2013-12-02 21:16:00,2\n2013-12-02 21:17:00,3\n')
    expect((await runHere(['replay', series, '--url', url, '--rate', '0'])).code).toBe(0)
    await publish(url, 'telemetry/press-9', Buffer.from([0xff, 0x00, 0xfe]))

    expect(await json('status', '-s', file)).toMatchObject({ code: 0, data: { edge: 'site-1', healthy: true } })
    const words = await runHere(['status', '-s', file])
    expect(words).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^edge site-1 is healthy .*up [\d.]+ (m?s|min)/),
    })
    expect(words.stdout).toMatch(/^readings +3 stored since the start/m)

    const ledger = await json('ledger', '--data', data)
    expect(ledger).toMatchObject({ code: 0, data: { balanced: true, problems: [] } })
    expect(ledger.data.devices).toMatchObject([
      { device: 'press-1', received: 3, stored: 3, rejected: 0 },
      { device: 'press-9', received: 1, stored: 0, rejected: 1 },
    ])
    const table = (await runHere(['ledger', '-s', file])).stdout
    expect(table).toMatch(/^total +4 +3 +1 +0$/m)
    expect(await runHere(['ledger', '-s', file, '--uplink', 'x'])).toMatchObject({ code: 1, stdout: '' })

    const { data: rejects } = await json('rejects', 'list', '-s', file)
    expect(rejects).toMatchObject([
      {
        device: 'press-9',
        topic: 'telemetry/press-9',
        client: 'press-9',
        payloadBytes: 3,
        payloadBase64: '/wD+',
        truncated: false,
      },
    ])
    const show = await runHere(['rejects', 'show', String(rejects[0].id), '-s', file])
    expect(show.stdout).toContain('00000000  ff 00 fe')
    expect((await runHere(['rejects', 'list', '-s', file])).stdout).toContain('telemetry/press-9')
    const none = await runHere(['rejects', 'show', '999', '-s', file])
    expect(none).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('no reject with the id "999"') })
  })

  it('stops in order at the first signal, and its status and ledger can still be read', async () => {
    const { process, file, url } = await startEdge()
    await publish(url, 'telemetry/press-9/heat', Buffer.from('21.5'))
    process.kill('SIGTERM')
    expect(await process.exit).toBe(0)
    const status = await json('status', '-s', file)
    expect(status).toMatchObject({
      code: 69,
      data: { edge: 'site-1', running: false, store: { lastSeq: 1, devices: 1 } },
    })
    expect((await json('ledger', '-s', file)).code).toBe(0)
  })

  it('is reported as not running when it was never started', async () => {
    const file = await edgeFile()
    expect(await json('status', '-s', file)).toEqual({
      code: 69,
      data: { edge: 'site-1', running: false, store: null },
    })
    expect(await runHere(['ledger', '-s', file])).toMatchObject({
      stdout: '',
      stderr: expect.stringMatching(/^error: there is no database/),
    })
    expect(await runHere(['ledger'])).toMatchObject({ code: 64 })
    expect(await runHere(['ledger', '-s', file, '--data', '/x'])).toMatchObject({ code: 64 })
  })
})

describe('a ledger that does not balance', () => {
  it('makes the command exit with 1 and name the device and the equation that fails', async () => {
    const { process, url, data } = await startEdge()
    await publish(url, 'telemetry/press-9/heat', Buffer.from('21.5'))
    await process.stop()
    const database = new Database(join(data, 'tidegate.db'))
    database.exec('UPDATE devices SET received = received + 1')
    database.close()
    const { code, stderr, stdout } = await runHere(['ledger', '--data', data])
    expect(code).toBe(1)
    expect(stdout).toContain('press-9')
    expect(stderr).toMatch(/^does not balance: press-9: .*received/m)
  })
})

describe('the status command', () => {
  /** Serves this body at the web port of an edge. @returns the settings file of that edge. */
  async function settingsOfServer(body: string): Promise<string> {
    const server = createServer((_request, response) => response.end(body)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onStop(() => void server.close())
    const file = join(tempFolder(), 'edge.yaml')
    writeFileSync(file, `edge: site-1\nweb: { host: 0.0.0.0, port: ${(server.address() as AddressInfo).port} }`)
    return file
  }

  it('exits with 1 for an edge that is not healthy', async () => {
    const file = await settingsOfServer('{"edge":"site-1","healthy":false,"problems":["disk full"]}')
    expect(await runHere(['status', '-s', file])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('disk full'),
    })
  })

  it('does not accept an answer from another edge or from another program', async () => {
    const other = await runHere(['status', '-s', await settingsOfServer('{"edge":"site-2","healthy":true}')])
    expect(other).toMatchObject({ code: 69, stdout: '', stderr: expect.stringContaining('the edge site-2 answers') })
    for (const body of ['<html>', '{}', 'null', '[]', '{"edge":"site-1"}']) {
      const { code, stdout } = await runHere(['status', '--json', '-s', await settingsOfServer(body)])
      expect({ code, data: JSON.parse(stdout) }).toEqual({
        code: 69,
        data: { edge: 'site-1', running: false, store: null },
      })
    }
  })
})
