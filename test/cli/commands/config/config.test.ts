import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import { beforeAll, describe, expect, it } from 'vitest'
import { newEdgeState } from '../../../../src/config/edge/state.ts'
import { ATTEMPTS_MAX } from '../../../../src/config/operations.ts'
import { tempFolder } from '../../../../support/folder.ts'
import { runTidegate } from '../../../../support/process.ts'
import { SiteEdge } from '../../../../support/site.ts'
import { until } from '../../../../support/wait.ts'
import { openStore } from '../../../store/stores.ts'
import { runHere } from '../../recorder.ts'

async function startEdge(config: object = {}): Promise<SiteEdge> {
  const edge = await SiteEdge.create({ config })
  await edge.start()
  return edge
}

function written(name: string, text: string): string {
  const file = join(tempFolder(), name)
  writeFileSync(file, text)
  return file
}

/** Runs a config command for an edge. @returns its exit code, the JSON that it printed and its errors. */
async function config(edge: SiteEdge, ...args: string[]) {
  const { code, stdout, stderr } = await runHere(['config', ...args, '-s', edge.settingsFile, '--json'])
  return { code, data: stdout === '' ? undefined : JSON.parse(stdout), stderr }
}

describe('config commands with a running edge', () => {
  let edge: SiteEdge
  beforeAll(async () => {
    edge = await startEdge({ devicesMax: 3 })
  })

  it('set a config, which is then retained on the topic of the device', async () => {
    const file = written('pump.yaml', '# of the pump\nsampling: { interval_s: 60 }\n')
    const set = await runTidegate(['config', 'set', 'valve', '--file', file, '--by', 'alice', '-s', edge.settingsFile])
    expect(set).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^valve: c0\.0-e1\.\S+ is in force\n$/),
    })
    const device = await connectAsync(`mqtt://127.0.0.1:${edge.port}`, { clientId: 'valve', reconnectPeriod: 0 })
    const heard: { payload: string; retain: boolean }[] = []
    device.on('message', (_topic, payload, { retain }) => heard.push({ payload: payload.toString(), retain }))
    await device.subscribeAsync('devices/valve/config', { qos: 1 })
    await until(() => heard.length > 0, { what: 'the device gets its config' })
    expect(heard).toEqual([{ payload: '{"sampling":{"interval_s":60}}', retain: true }])
    await device.endAsync()
    expect(await config(edge, 'show', 'valve')).toMatchObject({
      code: 0,
      data: { config: { sampling: { interval_s: 60 } }, by: 'user:alice', ordered: 0 },
    })
  })

  it('patch only the named revision, and roll back to an earlier one', async () => {
    const first = await config(edge, 'patch', 'motor', '{"on":true,"gain":1}')
    const { rev } = first.data
    expect(await config(edge, 'patch', 'motor', '{"gain":null}', '--if-rev', rev)).toMatchObject({ code: 0 })
    const late = await config(edge, 'patch', 'motor', '{"gain":3}', '--if-rev', rev)
    expect(late).toMatchObject({ code: 1, data: { outcome: 'refused', code: 409 } })
    expect((await config(edge, 'show', 'motor')).data.config).toEqual({ on: true })

    expect((await config(edge, 'diff', 'motor')).data.changes).toEqual([{ path: '/gain', old: 1 }])
    expect(await config(edge, 'rollback', 'motor', rev)).toMatchObject({ code: 0, data: { outcome: 'done' } })
    expect((await config(edge, 'show', 'motor')).data.config).toEqual({ on: true, gain: 1 })
    const { data: past } = await config(edge, 'history', 'motor')
    expect(past.revisions.map((one: { config: object }) => one.config)).toEqual([
      { on: true, gain: 1 },
      { on: true },
      { on: true, gain: 1 },
    ])
    expect(past.changes).toMatchObject([
      { path: '/gain', new: 1 },
      { path: '/gain', old: 1 },
      { path: '', why: 'edit' },
    ])
    expect(await config(edge, 'rollback', 'motor', 'c9.9-e9.x')).toMatchObject({ code: 1, data: undefined })
  })

  it('refuse a config or a patch that exceeds a limit, and change nothing', async () => {
    const half = JSON.stringify(Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`a${i}`, 'x'.repeat(4_000)])))
    expect(await config(edge, 'patch', 'pump', half)).toMatchObject({ code: 0 })
    const { data: before } = await config(edge, 'show', 'pump')
    const together = await config(edge, 'patch', 'pump', half.replaceAll('"a', '"b'))
    expect(together).toMatchObject({ code: 1, data: { outcome: 'refused', code: 413 } })
    const alone = written('big.json', JSON.stringify({ text: 'x'.repeat(5_000) }))
    expect(await config(edge, 'set', 'pump', '--file', alone)).toMatchObject({ code: 1, data: { code: 413 } })
    expect((await config(edge, 'show', 'pump')).data).toMatchObject({ rev: before.rev, config: before.config })
  })

  it('delete a config, and return at once when there is no room for another device', async () => {
    let last = await config(edge, 'patch', 'fan', '{}')
    for (let i = 1; i <= 3 && last.code === 0; i++) last = await config(edge, 'patch', `fan-${i}`, '{}')
    expect(last).toMatchObject({ code: 1, data: { outcome: 'refused', code: 429 } })
    const [{ device }] = (await config(edge, 'list')).data
    expect(await config(edge, 'delete', device)).toMatchObject({ code: 0 })
    expect((await config(edge, 'list', '--limit', '1')).data).toMatchObject([{ device, deleted: true, status: 'none' }])
    const typo = await config(edge, 'delete', `${device}e`)
    expect(typo).toMatchObject({ code: 1, stderr: expect.stringContaining(`did you mean "${device}"?`) })
  })
})

describe('config commands without an edge', () => {
  it('leave an edit for the next start of the edge and exit with 69', async () => {
    const edge = await SiteEdge.create()
    mkdirSync(edge.folder)
    openStore(edge.folder).close()
    const left = await config(edge, 'patch', 'pump', '{"on":false}')
    expect(left).toMatchObject({ code: 69, data: { outcome: 'left', code: null, message: 'no edge runs' } })
    const never = await config(edge, 'patch', 'pump', '[1]')
    expect(never).toMatchObject({ code: 1, data: { outcome: 'refused', code: 400 } })
    const unknown = await config(edge, 'show', 'pump')
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('an edit of it waits') })
    await edge.start()
    await until(async () => (await config(edge, 'show', 'pump')).code === 0, { what: 'it is carried out' })
    expect((await config(edge, 'show', 'pump')).data).toMatchObject({ config: { on: false }, ordered: 0 })
  })

  it('show a head that the cloud refuses, and make a running edge send it again on request', async () => {
    const edge = await SiteEdge.create()
    mkdirSync(edge.folder)
    const store = openStore(edge.folder)
    store.write(() => {
      store.configs.save(newEdgeState('pump', store.epoch))
      store.configs.enqueue('pump', 'head', 1)
      const [row] = store.configs.operations(1, 1)
      for (let i = 0; i < ATTEMPTS_MAX; i++) {
        store.configs.answered(row!, { kind: 'refused', reason: 'not authorized' }, 1, () => 0)
      }
    })
    store.close()
    expect((await config(edge, 'list')).data).toMatchObject([{ device: 'pump', attention: true, waiting: 1 }])
    expect((await runHere(['config', 'show', 'pump', '-s', edge.settingsFile])).stdout).toContain('not authorized')
    await edge.start()
    expect(await config(edge, 'retry', 'pump')).toMatchObject({ code: 0, data: { outcome: 'done' } })
    const { data } = await config(edge, 'show', 'pump')
    expect(data.waiting).toMatchObject([{ what: 'head', attempts: 0, attention: false, reason: '' }])
  })

  it('report a usage error before they leave anything', async () => {
    const edge = await SiteEdge.create()
    const bad = written('bad.yaml', 'a: [1\n')
    for (const args of [
      ['set', 'pump', '--file', bad],
      ['set', 'pump', '--file', `${bad}.missing`],
      ['set', 'pump/1', '--file', written('good.json', '{}')],
      ['patch', 'pump'],
      ['patch', 'pump', '{on:true}'],
      ['patch', 'pump', '{}', '--if-rev', 'c1'],
      ['patch', 'pump', '{}', '--by', 'x'.repeat(200)],
    ]) {
      expect({ args, ...(await config(edge, ...args)) }).toMatchObject({
        code: 64,
        data: undefined,
        stderr: expect.stringMatching(/^error: .*\n {2}what to do: ./s),
      })
    }
  })
})
