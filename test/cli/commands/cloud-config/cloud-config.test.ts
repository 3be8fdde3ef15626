import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { hashOf } from '../../../../src/config/canonical.ts'
import type { ConflictRecord } from '../../../../src/config/conflict.ts'
import { renderRevision } from '../../../../src/config/wire.ts'
import { openLink } from '../../../../src/link/open.ts'
import { CONFIG_LIMITS } from '../../../../src/receiver/config/config-store.ts'
import { SqliteSink } from '../../../../src/receiver/sqlite/sqlite-sink.ts'
import { tempFolder } from '../../../../support/folder.ts'
import { startMosquitto } from '../../../../support/mosquitto.ts'
import { describePeer } from '../../../../support/peers.ts'
import { onStop } from '../../../../support/started.ts'
import { runHere } from '../../recorder.ts'

const PUMP = { edge: 'plant-7', device: 'pump-1' }

let folder: string
let sink: SqliteSink
let settings: string

beforeEach(() => {
  folder = tempFolder()
  sink = SqliteSink.open(folder)
  onStop(() => sink.close())
  settings = join(folder, 'receiver.yaml')
  configure('mqtt://127.0.0.1:1')
})

function configure(url: string): void {
  writeFileSync(join(folder, 'pump.json'), '{"properties":{"speed":{"type":"number"}}}')
  const config = `config: { schemas: [{ match: 'pump-*', file: pump.json }] }`
  writeFileSync(settings, `cloud: { url: '${url}' }\ndata: .\n${config}\n`)
}

/** `tidegate cloud config VERB plant-7 pump-1 …`. */
async function pump(verb: string, ...more: string[]) {
  return runHere(['cloud', 'config', verb, PUMP.edge, PUMP.device, ...more, '-s', settings])
}

const inForce = async () => (await sink.configs.one(PUMP))?.state.cur

describe('tidegate cloud config', () => {
  it('writes, patches and deletes while the receiver runs, and shows the revision in force', async () => {
    const file = join(folder, 'new.json')
    writeFileSync(file, '{"speed":1,"mode":"eco"}')
    expect(await pump('set', '--file', file)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/pump-1: c1\.0-e0\. is in force/),
    })
    expect(await pump('set', '--patch', '{"mode":null}', '--json', '--by', 'alice')).toMatchObject({ code: 0 })
    expect(await inForce()).toMatchObject({ config: { speed: 1 }, by: 'user:alice', rev: { c: 2 } })
    const shown = JSON.parse((await pump('show', '--json')).stdout)
    expect(shown).toMatchObject({ rev: 'c2.0-e0.', standing: 'underway', config: { speed: 1 }, by: 'user:alice' })
    expect((await pump('show')).stdout).toMatch(/^plant-7\/pump-1: underway\nrevision {3}c2[\s\S]+"speed": 1/)
    expect(await pump('set', '--delete')).toMatchObject({ code: 0 })
    expect((await inForce())?.config).toBeNull()
    const list = await runHere(['cloud', 'config', 'list', '--match', 'plant-*/p*', '--data', folder])
    expect(list.stdout).toMatch(/plant-7 +pump-1 +c3\.0-e0\. +underway/)
    expect((await runHere(['cloud', 'config', 'list', '--match', 'x/*', '--data', folder])).stdout).toBe('no configs\n')
  })

  it('refuses an edit of an outdated revision or against the schema, and says what to do', async () => {
    await pump('set', '--patch', '{"speed":1}')
    expect(await pump('set', '--patch', '{"speed":2}', '--if-rev', 'c1.0-e0.')).toMatchObject({ code: 0 })
    const late = await pump('set', '--patch', '{"speed":3}', '--if-rev', 'c1.0-e0.')
    expect(late).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/was not changed \(409\)[\s\S]+what to do: read it and edit again/),
    })
    expect(await pump('set', '--patch', '{"speed":"fast"}')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/\/speed must be number/),
    })
    const printed = await pump('set', '--patch', '{"speed":"fast"}', '--json')
    expect([printed.code, JSON.parse(printed.stdout)]).toMatchObject([1, { code: 400 }])
    expect((await inForce())?.config).toEqual({ speed: 2 })
    for (const args of [[], ['--delete', '--patch', '{}'], ['--patch', '{'], ['--delete', '--if-rev', 'c1']]) {
      expect(await pump('set', ...args)).toMatchObject({ code: 64 })
    }
    const misnamed = ['cloud', 'config', 'set', 'plant 7', 'pump-1', '--delete', '-s', settings]
    expect(await runHere(misnamed)).toMatchObject({ code: 1, stderr: expect.stringMatching(/not a valid edge name/) })
  })

  it('lists revisions, changes and differences, and rolls back to an earlier revision', async () => {
    for (const speed of [1, 2, 3]) await pump('set', '--patch', `{"speed":${speed}}`)
    expect((await pump('history')).stdout.match(/c\d\.0-e0\./g)).toEqual(['c3.0-e0.', 'c2.0-e0.', 'c1.0-e0.'])
    const diff = JSON.parse((await pump('history', '--diff', 'c1.0-e0.', '--json')).stdout)
    expect(diff).toEqual([{ path: '/speed', before: 1, after: 3 }])
    const changes = JSON.parse((await pump('history', '--changes', '--json')).stdout)
    expect(changes[0]).toMatchObject({ path: '/speed', old: 2, new: 3, why: 'edit', rev: 'c3.0-e0.' })
    expect(await pump('rollback')).toMatchObject({ code: 0 })
    expect(await inForce()).toMatchObject({ config: { speed: 2 }, rev: { c: 4 } })
    expect(await pump('rollback', '--rev', 'c1.0-e0.')).toMatchObject({ code: 0 })
    expect((await inForce())?.config).toEqual({ speed: 1 })
    expect(await pump('rollback', '--rev', 'c9.0-e0.')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/is not kept/),
    })
  })

  it('lists open conflicts and resolves them for either side or with another config', async () => {
    const sides = { base: 0, edge: 1, cloud: 2 }
    for (const [take, speed] of [
      ['edge', 1],
      ['cloud', 2],
      [join(folder, 'other.json'), 3],
    ] as const) {
      writeFileSync(join(folder, 'other.json'), '{"speed":3,"mode":"x"}')
      await pump('set', '--patch', '{"speed":2,"mode":"x"}')
      const cur = (await inForce())!
      const conflict: ConflictRecord = {
        cid: '0123456789abcdef',
        kind: 'merge',
        status: 'open',
        ancestor: null,
        edge: cur.rev,
        cloud: cur.rev,
        paths: [{ path: '/speed', kind: 'merge', ...sides }],
        truncated: false,
        problems: [],
        running: null,
        opened: 0,
        deadline: 0,
        resolution: null,
      }
      await sink.configs.change([PUMP], CONFIG_LIMITS, ([known]) => {
        const write = { record: { ...known!, conflict }, kept: [], changes: [], publish: false, at: 0 }
        return { writes: [write], result: undefined }
      })
      const listed = await runHere(['cloud', 'config', 'conflicts', '-s', settings])
      expect(listed.stdout).toMatch(
        /plant-7\/pump-1\nconflict +0123456789abcdef[\s\S]+\/speed: edge 1, cloud 2, before 0/,
      )
      expect(await pump('resolve', 'f'.repeat(16), '--take', take)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/is not open/),
      })
      expect(await pump('resolve', conflict.cid, '--take', take)).toMatchObject({ code: 0 })
      expect(await inForce()).toMatchObject({ config: { speed, mode: 'x' }, resolves: conflict.cid })
    }
  })
})

describePeer('mosquitto', 'tidegate cloud config restored', () => {
  it('continues in an incarnation that no edge has seen', async () => {
    const broker = await startMosquitto()
    configure(broker.url)
    await pump('set', '--patch', '{"speed":1}')
    const rev = { c: 5, ci: 3, e: 1, ei: 'life' }
    const head = { rev, base: null, hash: hashOf({}), config: {}, hlc: '1-0-x', by: 'user:edge' }
    const edge = { clientId: 'edge', session: false, keepaliveS: 30, connectTimeoutMs: 5_000 }
    const link = await openLink({ url: broker.url, ...edge })
    const payload = Buffer.from(renderRevision('valve', head))
    await link.publish('tidegate/other/config/valve/head', payload, { qos: 1, retain: true })
    await link.close()
    const restored = await runHere(['cloud', 'config', 'restored', '-s', settings])
    expect(restored).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^1 configs continue in a new incarnation/),
    })
    expect(await inForce()).toMatchObject({ rev: { c: 1, ci: 4 }, config: { speed: 1 } })
    await pump('set', '--patch', '{"speed":2}')
    expect((await inForce())?.rev).toMatchObject({ c: 2, ci: 4 })
  })
})
