import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectAsync, type MqttClient } from 'mqtt'
import { beforeAll, expect, it } from 'vitest'
import { hashOf } from '../../../../src/config/canonical.ts'
import type { JsonObject } from '../../../../src/config/json.ts'
import type { Rev } from '../../../../src/config/revision.ts'
import { renderRevision } from '../../../../src/config/wire.ts'
import { tempFolder } from '../../../../support/folder.ts'
import { type Mosquitto, startMosquitto } from '../../../../support/mosquitto.ts'
import { describePeer } from '../../../../support/peers.ts'
import { QUICK_UPLINK, SiteEdge } from '../../../../support/site.ts'
import { onStop } from '../../../../support/started.ts'
import { until } from '../../../../support/wait.ts'
import { runHere } from '../../recorder.ts'

/** Publishes a desired config from the cloud, whatever the edge has published meanwhile. */
async function desire(cloud: MqttClient, device: string, c: number, config: JsonObject): Promise<void> {
  const rev: Rev = { c, ci: 1, e: 0, ei: '' }
  const given = { rev, base: null, hash: hashOf(config), config, hlc: '1795000000000-0-cloud', by: 'user:bob' }
  const topic = `tidegate/site/config/${device}/desired`
  await cloud.publishAsync(topic, renderRevision(device, given), { qos: 1, retain: true })
}

describePeer('mosquitto', 'a conflict that a person must decide', () => {
  let mosquitto: Mosquitto
  let edge: SiteEdge
  let cloud: MqttClient
  beforeAll(async () => {
    mosquitto = await startMosquitto()
    const policies = [{ path: '/**', onConflict: 'manual' }]
    edge = await SiteEdge.create({ uplinks: [{ url: mosquitto.url, ...QUICK_UPLINK }], config: { policies } })
    await edge.start()
    cloud = await connectAsync(mosquitto.url, { clientId: 'cloud', reconnectPeriod: 0 })
    onStop(() => cloud.endAsync())
  })

  async function config(...args: string[]) {
    const { code, stdout } = await runHere(['config', ...args, '-s', edge.settingsFile, '--json'])
    return { code, data: stdout === '' ? undefined : JSON.parse(stdout) }
  }

  /** Both sides change `gain`, and the cloud also `name`. */
  async function conflict(device: string) {
    await desire(cloud, device, 1, { gain: 1, name: 'a' })
    await until(async () => (await config('show', device)).data?.config, { what: 'the edge has the config' })
    expect(await config('patch', device, '{"gain":2}')).toMatchObject({ code: 0 })
    await desire(cloud, device, 2, { gain: 3, name: 'b' })
    const open = await until(
      async () => (await config('conflicts')).data.find((one: { device: string }) => one.device === device),
      { what: 'the conflict is open' },
    )
    return open as { cid: string; paths: object[] }
  }

  it('is shown with the values of both sides and their base, and can be resolved for the cloud', async () => {
    const { cid, paths } = await conflict('pump')
    expect(paths).toEqual([{ path: '/gain', kind: 'merge', base: 1, edge: 2, cloud: 3 }])
    expect((await config('show', 'pump')).data).toMatchObject({ config: { gain: 2, name: 'a' }, conflict: { cid } })
    const { stdout } = await runHere(['config', 'conflicts', '-s', edge.settingsFile])
    expect(stdout).toMatch(/\/gain +1 +2 +3\n/)

    expect(await config('resolve', 'pump', '0000000000000000', '--take', 'edge')).toMatchObject({
      code: 1,
      data: { outcome: 'refused', code: 409 },
    })
    expect(await config('resolve', 'pump', '--take', 'cloud', '--by', 'alice')).toMatchObject({ code: 0 })
    const { data: after } = await config('show', 'pump')
    expect(after).toMatchObject({ config: { gain: 3, name: 'b' }, conflict: null })
    expect((await config('history', 'pump')).data.changes).toContainEqual(
      expect.objectContaining({ path: '/gain', loser: 'edge', lost: 2, new: 3 }),
    )
    expect(await config('resolve', 'pump', '--take', 'cloud')).toMatchObject({ code: 1, data: undefined })
  })

  it('can be resolved with a third config, which also goes to the cloud', async () => {
    const { cid } = await conflict('valve')
    const file = join(tempFolder(), 'both.yaml')
    writeFileSync(file, 'gain: 2.5\nname: c\n')
    expect(await config('resolve', 'valve', cid, '--take', file)).toMatchObject({ code: 0 })
    const heads: string[] = []
    cloud.on('message', (_topic, payload) => heads.push(payload.toString()))
    await cloud.subscribeAsync('tidegate/site/config/valve/head', { qos: 1 })
    await until(() => heads.some((text) => JSON.parse(text).config.gain === 2.5), {
      what: 'the cloud has the decision',
    })
    expect((await config('show', 'valve')).data).toMatchObject({ config: { gain: 2.5, name: 'c' }, conflict: null })
  })
})
