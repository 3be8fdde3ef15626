import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import mqttPacket from 'mqtt-packet'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { openLink } from '../../src/link/open.ts'
import { tempFolder } from '../../support/folder.ts'
import { freePort } from '../../support/port.ts'
import { runTidegate } from '../../support/process.ts'
import { RawClient } from '../../support/raw-client.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { until } from '../../support/wait.ts'
import { listen, startAedes } from '../link/brokers.ts'

/** As it is written in a URL, and what it means. */
const WRITTEN = 'sek%2Fret'
const MEANT = 'sek/ret'
const SECRET = /sek.{0,3}ret/i

interface Login {
  readonly username: unknown
  readonly password: unknown
}

/** A broker that refuses every client, and records how it logged in. */
async function startRefusing(): Promise<{ port: number; logins: Login[] }> {
  const logins: Login[] = []
  const port = await listen((socket) => {
    const parser = mqttPacket.parser()
    parser.on('packet', (packet) => {
      if (packet.cmd !== 'connect') return
      logins.push({ username: packet.username, password: packet.password?.toString() })
      const v5 = packet.protocolVersion === 5
      socket.end(
        mqttPacket.generate(
          { cmd: 'connack', sessionPresent: false, ...(v5 ? { reasonCode: 0x87 } : { returnCode: 5 }) },
          { protocolVersion: packet.protocolVersion ?? 4 },
        ),
      )
    })
    parser.on('error', () => socket.destroy())
    socket.on('data', (bytes) => parser.parse(bytes))
  })
  return { port, logins }
}

/** A server that ends every connection at once, and one that never answers. */
const startSilent = (): Promise<number> => listen(() => undefined)
const startEnding = (): Promise<number> => listen((socket) => socket.destroy())

describe('a password in the URL of a broker', () => {
  it('reaches that broker and nothing else: no log line, status, health, command, or retained status elsewhere', async () => {
    const refusing = await startRefusing()
    const cloud = await startAedes()
    const seen: string[] = []
    const watcher = await openLink({
      ...{ url: cloud.url, clientId: 'watcher', session: false, keepaliveS: 30, connectTimeoutMs: 5_000 },
      onMessage: (_topic, payload) => void seen.push(Buffer.from(payload).toString()),
    })
    await watcher.subscribe('tidegate/+/up/status', 1).catch(() => undefined)
    await watcher.subscribe('#', 1)
    const login = `joe:${WRITTEN}@127.0.0.1`
    const urls = {
      refused: `mqtt://${login}:${refusing.port}`,
      unreachable: `mqtt://${login}:${await freePort()}`,
      silent: `mqtt://${login}:${await startSilent()}`,
      ended: `mqtt://${login}:${await startEnding()}`,
      'no-tls': `mqtts://${login}:${refusing.port}`,
      'no-websocket': `ws://${login}:${await startEnding()}/mqtt`,
    }
    const quick = { ...QUICK_UPLINK, connectTimeoutMs: 300, statusEveryMs: 1_000 }
    const uplinks = Object.entries(urls).map(([name, url]) => ({ name, url, ...quick }))
    const edge = await SiteEdge.create({
      log: { level: 'trace' },
      uplinks: [{ name: 'good', url: cloud.url, ...quick }, ...uplinks],
    })
    await edge.start()
    await until(() => refusing.logins.length > 0, { what: 'the broker is asked' })
    expect(refusing.logins[0]).toEqual({ username: 'joe', password: MEANT })
    await until(
      async () => (await edge.status()).uplinks.every(({ name, lastFailure }) => name === 'good' || lastFailure),
      {
        what: 'every other uplink has failed',
      },
    )
    const before = seen.length
    await until(() => seen.length > before + 1, { what: 'the status is published' })
    const answers = await Promise.all(
      ['healthz', 'api/status'].map(async (path) => (await fetch(`http://127.0.0.1:${edge.webPort}/${path}`)).text()),
    )
    const commands = await Promise.all([
      runTidegate(['status', '-s', edge.settingsFile]),
      runTidegate(['settings', 'check', edge.settingsFile]),
    ])
    for (const name of Object.keys(urls)) expect(edge.process.stderr).toContain(name)
    expect(commands[1].stderr).toContain('use `username` and `password_file` instead')
    const outputs = commands.flatMap(({ stdout, stderr }) => [stdout, stderr])
    for (const text of [edge.process.stderr, edge.process.stdout, ...answers, ...seen, ...outputs]) {
      expect(text).not.toMatch(SECRET)
    }
    await watcher.close()
  })

  it('of a receiver reaches only that broker, too', async () => {
    const refusing = await startRefusing()
    const receiver = new SiteReceiver(`mqtt://joe:${WRITTEN}@127.0.0.1:${refusing.port}`, { log: { level: 'trace' } })
    await receiver.start()
    await receiver.process.waitFor(/refused the client/)
    expect(refusing.logins[0]).toEqual({ username: 'joe', password: MEANT })
    expect(receiver.process.stderr + receiver.process.stdout).not.toMatch(SECRET)
  })

  it.each([
    ['both in the URL and beside it', `mqtt://joe:${WRITTEN}@h`, { username: 'joe' }],
    ['with a character that is not encoded', 'mqtt://joe:12/sekret@h', {}],
    ['with an encoding that is none', 'mqtt://joe:sekret%zz@h', {}],
    ['in a URL that is none', 'mqtt:/joe:sekret@h', {}],
  ])('is refused without being shown: %s', async (_, url, more) => {
    const file = join(tempFolder(), 'settings.yaml')
    writeFileSync(file, stringify({ edge: 'e', uplinks: [{ url, ...more }] }))
    const { code, stdout, stderr } = await runTidegate(['settings', 'check', file])
    expect(code).toBe(78)
    expect(stderr).toContain('uplinks[0].url')
    expect(stdout + stderr).not.toMatch(SECRET)
  })

  it('of PostgreSQL is not shown', async () => {
    const sink = `postgres://joe:${WRITTEN}@127.0.0.1:${await freePort()}/plants`
    const receiver = new SiteReceiver(`mqtt://127.0.0.1:${await freePort()}`, { log: { level: 'trace' }, sink })
    await receiver.start()
    await receiver.process.waitFor(/PostgreSQL at 127[^ ]* cannot be reached/)
    expect(receiver.process.stderr + receiver.process.stdout).not.toMatch(SECRET)
  })
})

const modeOf = (file: string): string => (statSync(file).mode & 0o777).toString(8)

/** Modes of all files and folders below a folder, by name. */
function modesIn(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return Object.fromEntries(names.map((name) => [name, modeOf(join(folder, name))]))
}

describe.skipIf(process.platform === 'win32')('files of Tidegate', () => {
  it('that it creates are readable by its user only: database, WAL, lock, backups, exports', async () => {
    const edge = await SiteEdge.create({ store: { backup: { everyHours: 1_000 } } })
    await edge.start()
    const client = await RawClient.connect(edge.port, 'press')
    client.publish('telemetry/press/heat', '{"value": 1}', { qos: 1, messageId: 1 })
    await client.next('puback')
    await until(() => readdirSync(edge.folder).includes('backup'), { what: 'the first backup is made' })
    await until(() => readdirSync(join(edge.folder, 'backup')).some((name) => name.endsWith('.db')))
    const folder = tempFolder()
    const run = (...args: string[]) => runTidegate([...args, '-s', edge.settingsFile], { cwd: folder })
    expect((await run('backup', join(folder, 'hand.db'))).code).toBe(0)
    expect((await run('export', '--format', 'csv', '-o', join(folder, 'out.csv'))).code).toBe(0)
    const modes = { ...modesIn(edge.folder), ...modesIn(folder) }
    for (const name of ['tidegate.db', 'tidegate.db-wal', 'tidegate.lock', 'hand.db', 'out.csv']) {
      expect(modes, name).toHaveProperty([name])
    }
    expect(Object.entries(modes).filter(([, mode]) => !/^[67]00$/.test(mode))).toEqual([])
    const receiver = new SiteReceiver(`mqtt://127.0.0.1:${await freePort()}`)
    await receiver.start()
    await until(() => readdirSync(receiver.folder).includes('received.db'))
    expect(Object.values(modesIn(receiver.folder)).filter((mode) => mode !== '600')).toEqual([])
  })

  it('of an earlier version are taken from other users at the start, and the log says so', async () => {
    const edge = await SiteEdge.create()
    await edge.start()
    await edge.stop()
    mkdirSync(join(edge.folder, 'backup'))
    const files = ['tidegate.db', 'tidegate.lock', 'backup/tidegate-20260101T000000Z.db'].map((name) =>
      join(edge.folder, name),
    )
    writeFileSync(files[2]!, '')
    for (const file of files) chmodSync(file, 0o644)
    await edge.start()
    expect(files.map(modeOf)).toEqual(['600', '600', '600'])
    expect(modeOf(join(edge.folder, 'tidegate.db-wal'))).toBe('600')
    await edge.process.waitFor(/every user of this machine could read tidegate\.db/)
  })

  it('with secrets that every user can read cause a warning, in the log and in `settings check`', async () => {
    const folder = tempFolder()
    const secret = join(folder, 'password')
    writeFileSync(secret, 'sekret')
    const uplink = { url: `mqtt://127.0.0.1:${await freePort()}`, username: 'joe' }
    const edge = await SiteEdge.create({
      uplinks: [
        { name: 'a', ...uplink, password_file: secret },
        { name: 'b', ...uplink, password: 'sekret' },
      ],
    })
    const warnings = async (): Promise<string[]> => {
      const { code, stderr } = await runTidegate(['settings', 'check', edge.settingsFile])
      expect(code).toBe(0)
      return stderr.split('\n').filter((line) => line.startsWith('warning: '))
    }
    for (const file of [secret, edge.settingsFile]) chmodSync(file, 0o644)
    const found = await warnings()
    expect(found).toHaveLength(2)
    expect(found.join('\n')).toContain(secret)
    expect(found.join('\n')).toContain(edge.settingsFile)
    await edge.start()
    const log = edge.process.stderr
    expect(log.match(/every user of this machine can read/g)).toHaveLength(2)
    expect(log).not.toContain('sekret')
    for (const file of [secret, edge.settingsFile]) chmodSync(file, 0o640)
    expect(await warnings()).toEqual([])
  })
})
