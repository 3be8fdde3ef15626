import { expect, it } from 'vitest'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { startProxy } from '../../support/proxy.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { until } from '../../support/wait.ts'
import { runHere } from '../cli/recorder.ts'
import { Listener } from '../ingest/config/listener.ts'

const LOCAL = 'devices/pump/config'

/**
 * A site behind a link that can be cut, and its cloud: an edge, a broker and a receiver, each a process, and a
 * device.
 */
async function plant() {
  const mosquitto = await startMosquitto()
  const link = await startProxy({ to: mosquitto.port })
  const policies = [{ path: '/gain', onConflict: 'manual' }]
  const edge = await SiteEdge.create({ uplinks: [{ url: link.url, ...QUICK_UPLINK }], config: { policies } })
  const receiver = new SiteReceiver(mosquitto.url)
  await Promise.all([edge.start(), receiver.start()])
  const device = await Listener.connect(`mqtt://127.0.0.1:${edge.port}`, 'pump', 'devices/#')
  const cloud = async (verb: string, ...more: string[]) => {
    const { code, stdout, stderr } = await runHere([
      'cloud',
      'config',
      verb,
      ...more,
      '--json',
      '-s',
      receiver.settingsFile,
    ])
    expect([code, stderr]).toEqual([0, ''])
    return JSON.parse(stdout)
  }
  const site = async (verb: string, ...more: string[]) => {
    const { code, stdout, stderr } = await runHere(['config', verb, ...more, '--json', '-s', edge.settingsFile])
    expect([code, stderr]).toEqual([0, ''])
    return JSON.parse(stdout)
  }
  const cut = (isCut: boolean): void => {
    link.dial.refuse = isCut
    if (isCut) link.cut()
  }
  return { edge, receiver, device, cloud, site, cut }
}

describePeer('mosquitto', 'configs between a site and its cloud', () => {
  it('are delivered from the command line in the cloud to the device, and its answer is delivered back', async () => {
    const { edge, device, cloud } = await plant()
    await cloud('set', 'site', 'pump', '--patch', '{"gain":1,"name":"a"}')
    await device.expect(LOCAL, { gain: 1, name: 'a' })
    const { hash } = await cloud('show', 'site', 'pump')
    await device.client.publishAsync(`${LOCAL}/ack`, JSON.stringify({ hash }), { qos: 1 })
    await until(async () => (await cloud('show', 'site', 'pump')).standing === 'applied', { what: 'it is applied' })
    expect(await edge.stop()).toBe(0)
  })

  it('are merged after both sides have edited while the link was cut, and a conflict waits for a person on either side', async () => {
    const { edge, device, cloud, site, cut } = await plant()
    await cloud('set', 'site', 'pump', '--patch', '{"gain":1,"name":"a"}')
    await device.expect(LOCAL, { gain: 1, name: 'a' })
    for (const [round, decide] of [
      [1, async (cid: string) => cloud('resolve', 'site', 'pump', cid, '--take', 'edge')],
      [2, async (cid: string) => site('resolve', 'pump', cid, '--take', 'cloud')],
    ] as const) {
      await until(async () => (await cloud('show', 'site', 'pump')).standing !== 'underway', { what: 'all is settled' })
      cut(true)
      await site('patch', 'pump', JSON.stringify({ gain: 10 * round, site: round }))
      await cloud('set', 'site', 'pump', '--patch', JSON.stringify({ gain: 100 * round, cloud: round }))
      cut(false)
      const open = await until(async () => (await cloud('conflicts'))[0] as { cid: string } | undefined, {
        what: 'the conflict is shown in the cloud',
      })
      expect((await site('conflicts'))[0]).toMatchObject({ cid: open.cid })
      expect(device.json(LOCAL)).toMatchObject({ gain: 10 * round, site: round })
      await decide(open.cid)
      const gain = round === 1 ? 10 : 200
      await device.expect(LOCAL, { gain, name: 'a', site: round, cloud: round })
      await until(async () => (await cloud('show', 'site', 'pump')).config.gain === gain, { what: 'both are the same' })
      await until(async () => (await cloud('conflicts')).length === 0, { what: 'the conflict is closed' })
    }
    expect(await edge.stop()).toBe(0)
  }, 60_000)

  it('that are deleted in the cloud are deleted at the device, unless the site has changed them in the meantime', async () => {
    const { edge, device, cloud, site, cut } = await plant()
    await cloud('set', 'site', 'pump', '--patch', '{"gain":1}')
    await device.expect(LOCAL, { gain: 1 })
    cut(true)
    await site('patch', 'pump', '{"name":"b"}')
    await cloud('set', 'site', 'pump', '--delete')
    cut(false)
    await until(async () => (await cloud('show', 'site', 'pump')).config?.name === 'b', { what: 'the change is kept' })
    await until(async () => (await cloud('show', 'site', 'pump')).standing !== 'underway', { what: 'all is settled' })
    await cloud('set', 'site', 'pump', '--delete')
    await until(() => device.last.get(LOCAL) === '', { what: 'the device has none any more' })
    expect(await edge.stop()).toBe(0)
  }, 60_000)
})
