import { connectAsync } from 'mqtt'
import { expect, it } from 'vitest'
import { pause } from '../../src/base/clock.ts'
import { type AuthorityEvent, authorityStep, newAuthorityState } from '../../src/config/authority.ts'
import { parseRevision } from '../../src/config/wire.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { describePeer } from '../support/peers.ts'
import { QUICK_UPLINK, SiteEdge } from '../support/site.ts'
import { until } from '../support/wait.ts'
import { Listener } from './listener.ts'

const ROUNDS = 6
/** The edge lives for at most so long after its first edit of a round (ms): an event of it takes a few. */
const LIFE_MS = 60
const TOPIC = 'tidegate/site/config/pump'

/** A cloud for one device: the authority's own rules, over a real connection. */
async function startCloud(url: string) {
  const listener = await Listener.connect(url, 'cloud')
  let state = newAuthorityState('pump')
  const work = (event: AuthorityEvent): void => {
    const done = authorityStep(state, event, { now: Date.now(), check: () => [] })
    state = done.state
    for (const effect of done.effects) {
      if (effect.kind !== 'publishDesired') continue
      void listener.client.publishAsync(`${TOPIC}/desired`, effect.payload, { qos: 1, retain: true })
    }
  }
  listener.client.on('message', (topic, payload) => {
    const head = topic === `${TOPIC}/head` && payload.length > 0 ? parseRevision(payload, 'pump') : undefined
    if (head?.ok) work({ kind: 'head', revision: head.value })
  })
  await listener.client.subscribeAsync(`${TOPIC}/head`, { qos: 1 })
  const write = (key: string): void => work({ kind: 'write', edit: { patch: { [key]: true } }, by: 'user:alice' })
  return { write, cur: () => state.cur }
}

describePeer('mosquitto', 'an edge that is killed at any moment of an event', () => {
  it('loses no edit that was acknowledged, on either side, and both sides end the same', async () => {
    const mosquitto = await startMosquitto()
    const cloud = await startCloud(mosquitto.url)
    const edge = await SiteEdge.create({ uplinks: [{ url: mosquitto.url, ...QUICK_UPLINK }] })
    const acknowledged: string[] = []
    for (let round = 0; round < ROUNDS; round++) {
      await edge.start()
      const client = await connectAsync(`mqtt://127.0.0.1:${edge.port}`, { reconnectPeriod: 0, clientId: 'pump' })
      client.on('error', () => undefined)
      const killing = pause(Math.random() * LIFE_MS).then(() => edge.kill())
      for (let i = 0; client.connected && i < 20; i++) {
        const key = `edge-${round}-${i}`
        const payload = JSON.stringify({ id: key, patch: { [key]: true } })
        cloud.write(`cloud-${round}-${i}`)
        acknowledged.push(`cloud-${round}-${i}`)
        const taken = await Promise.race([
          client.publishAsync('devices/pump/config/set', payload, { qos: 1 }).then(
            () => true,
            () => false,
          ),
          killing.then(() => false),
        ])
        if (!taken) break
        acknowledged.push(key)
      }
      await killing
      client.end(true)
    }
    await edge.start()
    const local = await Listener.connect(`mqtt://127.0.0.1:${edge.port}`, 'later', 'devices/pump/config')
    await until(
      () => {
        const config = local.json('devices/pump/config') ?? {}
        return JSON.stringify(cloud.cur()?.config) !== undefined && acknowledged.every((key) => config[key] === true)
      },
      { what: 'every edit is in force at the device', deadlineMs: 20_000 },
    )
    await until(
      () => JSON.stringify(sorted(cloud.cur()?.config)) === JSON.stringify(sorted(local.json('devices/pump/config'))),
      {
        what: 'both sides are the same',
      },
    )
    expect(acknowledged.length).toBeGreaterThan(ROUNDS)
    expect(await edge.stop()).toBe(0)
  }, 90_000)
})

function sorted(config: object | null | undefined): [string, unknown][] {
  return Object.entries(config ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
}
