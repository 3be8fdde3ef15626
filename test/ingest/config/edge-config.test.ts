import { expect, it } from 'vitest'
import type { Revision } from '../../../src/config/revision.ts'
import { renderRevision } from '../../../src/config/wire.ts'
import { type Mosquitto, startMosquitto } from '../../../support/mosquitto.ts'
import { describePeer } from '../../../support/peers.ts'
import { QUICK_UPLINK, SiteEdge } from '../../../support/site.ts'
import { until } from '../../../support/wait.ts'
import { Listener, revision } from './listener.ts'

const DESIRED = 'tidegate/site/config/pump/desired'
const HEAD = 'tidegate/site/config/pump/head'
const REPORTED = 'tidegate/site/config/pump/reported'
const LOCAL = 'devices/pump/config'

interface Scene {
  readonly mosquitto: Mosquitto
  readonly edge: SiteEdge
  readonly cloud: Listener
  readonly local: Listener
}

async function scene(config: object = {}): Promise<Scene> {
  const mosquitto = await startMosquitto()
  const edge = await SiteEdge.create({ uplinks: [{ url: mosquitto.url, ...QUICK_UPLINK }], config })
  await edge.start()
  const cloud = await Listener.connect(mosquitto.url, 'cloud', 'tidegate/site/config/+/+')
  const local = await Listener.connect(`mqtt://127.0.0.1:${edge.port}`, 'pump', 'devices/#')
  return { mosquitto, edge, cloud, local }
}

describePeer('mosquitto', 'configs of devices', () => {
  it('are delivered to the device, and its answer is published to the cloud', async () => {
    const { edge, cloud, local } = await scene()
    const first = revision({ c: 1, ci: 1, e: 0, ei: '' }, { interval: 60 })
    await cloud.client.publishAsync(DESIRED, renderRevision('pump', first), { qos: 1, retain: true })
    await local.expect(LOCAL, { interval: 60 })
    await until(() => cloud.json(REPORTED)?.status === 'pending', { what: 'the device has not answered yet' })
    await local.client.publishAsync(`${LOCAL}/ack`, JSON.stringify({ hash: first.hash }), { qos: 1 })
    await until(() => cloud.json(REPORTED)?.status === 'applied', { what: 'the cloud knows that it is applied' })
    expect(cloud.json(HEAD)).toMatchObject({ rev: first.rev, hash: first.hash })
    // A device that connects later gets it too.
    const later = await Listener.connect(`mqtt://127.0.0.1:${edge.port}`, 'later', LOCAL)
    await later.expect(LOCAL, { interval: 60 })
    expect(await edge.stop()).toBe(0)
  })

  it('can be edited at the site while the cloud is away, and the head is published when the cloud is back', async () => {
    const { mosquitto, edge, cloud, local } = await scene()
    const first = revision({ c: 1, ci: 1, e: 0, ei: '' }, { interval: 60, name: 'a' })
    await cloud.client.publishAsync(DESIRED, renderRevision('pump', first), { qos: 1, retain: true })
    await local.expect(LOCAL, { interval: 60, name: 'a' })
    await mosquitto.kill()
    await local.client.publishAsync(`${LOCAL}/set`, JSON.stringify({ id: 'x', patch: { name: 'b' } }), { qos: 1 })
    await local.expect(LOCAL, { interval: 60, name: 'b' })
    expect(local.json(`${LOCAL}/result`)).toMatchObject({ id: 'x', code: 200 })
    await mosquitto.restart()
    const again = await Listener.connect(mosquitto.url, 'cloud', 'tidegate/site/config/+/+')
    await until(() => again.json<Revision>(HEAD)?.config?.name === 'b', { what: 'the head is published' })
    expect(again.json<Revision>(HEAD)).toMatchObject({ rev: { c: 1, ci: 1, e: 1 }, by: 'device:pump' })
    expect(await edge.stop()).toBe(0)
  })

  it('are published again after a SIGKILL, at the site and in the cloud', async () => {
    const { edge, cloud, local } = await scene()
    await local.client.publishAsync(`${LOCAL}/set`, JSON.stringify({ id: 'x', config: { on: true } }), { qos: 1 })
    await local.expect(LOCAL, { on: true })
    await edge.kill()
    await cloud.client.publishAsync(HEAD, '', { qos: 1, retain: true })
    await edge.start()
    const back = await Listener.connect(`mqtt://127.0.0.1:${edge.port}`, 'pump', 'devices/#')
    await back.expect(LOCAL, { on: true })
    await until(() => cloud.json<Revision>(HEAD)?.config?.on === true, { what: 'the head is published again' })
    expect(await edge.stop()).toBe(0)
  })

  it('cannot be published, retained or edited by a client without the right to', async () => {
    const { edge, local } = await scene({ editors: ['operator-*'] })
    await local.client.publishAsync(`${LOCAL}/set`, JSON.stringify({ id: '1', config: {} }), { qos: 1 })
    await until(() => local.json(`${LOCAL}/result`)?.code === 403, { what: 'an edit without the right is refused' })
    const operator = await Listener.connect(`mqtt://127.0.0.1:${edge.port}`, 'operator-1', 'devices/#')
    const set = JSON.stringify({ id: '2', config: { a: 1 } })
    await operator.client.publishAsync(`${LOCAL}/set`, set, { qos: 1, retain: true })
    await until(() => operator.json(`${LOCAL}/result`)?.code === 400, { what: 'a retained edit is refused' })
    for (const qos of [1, 2] as const) {
      await operator.client.publishAsync(LOCAL, '{"forged":true}', { qos, retain: true })
      await operator.client.publishAsync(`${LOCAL}/result`, '{"forged":true}', { qos, retain: true })
    }
    await operator.client.publishAsync(`${LOCAL}/set`, JSON.stringify({ id: '3', config: { a: 1 } }), { qos: 2 })
    await operator.expect(LOCAL, { a: 1 })
    expect(operator.json(`${LOCAL}/result`)).toMatchObject({ id: '3', code: 200 })
    const late = await Listener.connect(`mqtt://127.0.0.1:${edge.port}`, 'late', 'devices/#')
    await late.expect(LOCAL, { a: 1 })
    expect([...late.last.keys()]).toEqual([LOCAL])
    expect(await edge.stop()).toBe(0)
  })

  it('are refused as a whole with the documented code when they exceed a bound, and nothing changes', async () => {
    const { edge, local } = await scene()
    const set = async (id: string, body: string): Promise<unknown> => {
      await local.client.publishAsync(`${LOCAL}/set`, `{"id":"${id}",${body}}`, { qos: 1 })
      return until(() => (local.json(`${LOCAL}/result`)?.id === id ? local.json(`${LOCAL}/result`) : undefined))
    }
    expect(await set('good', '"config":{"a":1}')).toMatchObject({ code: 200 })
    const nested = (depth: number): string => (depth === 0 ? '1' : `{"a":${nested(depth - 1)}}`)
    const text = (bytes: number): string => `"${'x'.repeat(bytes)}"`
    const large = Array.from({ length: 33 }, (_, i) => `"k${i}":${text(1_000)}`).join()
    const refused: [code: number, body: string][] = [
      [413, `"config":{${large}}`],
      [413, `"config":${nested(11)}`],
      [413, `"config":{"a":${text(4_097)}}`],
      [413, `"patch":{${Array.from({ length: 2_001 }, (_, i) => `"${i}":1`).join()}}`],
      [400, '"patch":{"__proto__":{"admin":true}}'],
      [400, '"patch":{"a":{"constructor":1}}'],
      [400, '"config":[1]'],
      [400, '"patch":{"a":2},"delete":true'],
      [409, '"ifRev":"c9.9-e9.x","patch":{"a":2}'],
    ]
    for (const [i, [code, body]] of refused.entries()) expect(await set(`bad-${i}`, body)).toMatchObject({ code })
    await local.client.publishAsync(`${LOCAL}/set`, 'no JSON', { qos: 1 })
    await until(() => local.json(`${LOCAL}/result`)?.id === '', { what: 'an edit without an id is answered too' })
    expect(local.json(LOCAL)).toEqual({ a: 1 })
    expect(local.counts.get(LOCAL)).toBe(1)
    expect(await set('good-too', '"config":{"a":2}')).toMatchObject({ code: 200, rev: { c: 0, e: 2 } })
    expect(await edge.stop()).toBe(0)
  })
})
