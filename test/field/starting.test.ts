import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { tempFolder } from '../../support/folder.ts'
import { accepts, freePort } from '../../support/port.ts'
import { runTidegate, startTidegate } from '../../support/process.ts'
import { listen } from '../link/brokers.ts'

describe.skipIf(process.platform === 'win32')('a file that a person names and that never ends', () => {
  const folder = tempFolder()
  const ENDLESS = { fifo: join(folder, 'fifo'), zero: '/dev/zero', folder: join(folder, 'folder') }
  const kinds = Object.entries(ENDLESS)

  beforeAll(() => {
    execFileSync('mkfifo', [ENDLESS.fifo])
    mkdirSync(ENDLESS.folder)
  })

  function settings(more: object): string {
    const file = join(tempFolder(), 'settings.yaml')
    writeFileSync(file, stringify({ edge: 'e', ...more }))
    return file
  }

  it.each(kinds)('is refused as the settings: %s', async (_, file) => {
    for (const args of [
      ['run', '-s', file],
      ['receive', '-s', file],
      ['settings', 'check', file],
    ]) {
      const { code, stderr } = await runTidegate(args)
      expect(code).toBe(78)
      expect(stderr).toContain('not a regular file')
    }
  })

  it.each(kinds)('is refused as a secret, a certificate, a key or a schema: %s', async (_, file) => {
    const link = { url: 'mqtts://127.0.0.1' }
    const uplinks = [
      { name: 'a', ...link, username: 'joe', password_file: file },
      { name: 'b', ...link, tls: { ca: file } },
      { name: 'c', ...link, tls: { cert: file, key: file } },
    ]
    const { code, stderr } = await runTidegate(['run', '-s', settings({ uplinks })])
    expect(code).toBe(78)
    expect(stderr.match(/not a regular file/g)).toHaveLength(4)
    const schema = await runTidegate(['settings', 'check', settings({ config: { schemas: [{ match: '*', file }] } })])
    expect(schema.code).toBe(78)
    expect(schema.stderr).toContain('not a regular file')
  })

  it.each(kinds)('is refused as a config: %s', async (_, file) => {
    for (const command of [
      ['config', 'set', 'press', '--file', file, '--data', folder],
      ['cloud', 'config', 'set', 'e', 'press', '--file', file, '-s', 'receiver.yaml'],
    ]) {
      const { code, stderr } = await runTidegate(command)
      expect(stderr).toContain('not a regular file')
      expect(code).toBe(64)
    }
  })
})

describe('two environment variables for one setting', () => {
  it('are refused with the names of both, although one of them comes first', async () => {
    const file = join(tempFolder(), 'settings.yaml')
    writeFileSync(file, 'edge: e\n')
    const env = { TIDEGATE_STORE__MAXBYTES: '2000000', TIDEGATE_STORE__MAX_BYTES: '3000000' }
    const { code, stderr } = await runTidegate(['settings', 'check', file], { env })
    expect(code).toBe(78)
    for (const name of Object.keys(env)) expect(stderr).toContain(name)
  })
})

describe('an edge whose port is in use', () => {
  it('lets no device in before it knows: the port of HTTP', async () => {
    const webPort = await listen(() => undefined)
    const port = await freePort()
    const file = join(tempFolder(), 'settings.yaml')
    const broker = { tcp: { host: '127.0.0.1', port } }
    writeFileSync(file, stringify({ edge: 'e', data: join(tempFolder(), 'data'), broker, web: { port: webPort } }))
    const edge = startTidegate(['run', '-s', file])
    let letIn = 0
    while (!edge.ended) {
      if (await accepts(port)) letIn++
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(letIn).toBe(0)
    expect(await edge.exit).toBe(69)
    expect(edge.stderr).toContain('cannot serve the status')
  })
})
