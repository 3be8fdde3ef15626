import { isDeepStrictEqual } from 'node:util'
import { connectAsync } from 'mqtt'
import { expect, it } from 'vitest'
import { pause } from '../../../src/base/clock.ts'
import { type AuthorityEvent, authorityStep, newAuthorityState } from '../../../src/config/authority.ts'
import { parseRevision } from '../../../src/config/wire.ts'
import { startMosquitto } from '../../../support/mosquitto.ts'
import { describePeer, peers } from '../../../support/peers.ts'
import { type RunningProcess, startProcess } from '../../../support/process.ts'
import { QUICK_UPLINK, SiteEdge } from '../../../support/site.ts'
import { sized } from '../../../support/size.ts'
import { until } from '../../../support/wait.ts'
import { Listener } from './listener.ts'

const ROUNDS = sized(2, 10)
/** The edge is killed at most this long after its first edit of a round (ms): an event takes a few milliseconds. */
const LIFE_MS = 60
/** Usually every second commit, from a random one of the first two on. */
const STEP_BY = sized(2, 1)
const FIRST_STEP = 1 + Math.floor(Math.random() * STEP_BY)
/** An edit on both sides takes fewer commits than this. */
const STEPS_MAX = 30
/** An edit reaches both sides within this time (ms), unless the edge is killed. */
const STEP_MS = 15_000
const TOPIC = 'tidegate/site/config/pump'

/** A cloud for one device: the rules of the authority over a real connection. */
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

describePeer('mosquitto', 'an edge that is killed at any moment', () => {
  it('loses no acknowledged edit on either side, and both sides end with the same config', async () => {
    const mosquitto = await startMosquitto()
    const cloud = await startCloud(mosquitto.url)
    const edge = await SiteEdge.create({ uplinks: [{ url: mosquitto.url, ...QUICK_UPLINK }] })
    const acknowledged: string[] = []
    for (let round = 0; round < ROUNDS; round++) {
      await edge.start()
      const client = await connectAsync(`mqtt://127.0.0.1:${edge.port}`, { reconnectPeriod: 0, clientId: 'pump' })
      client.on('error', () => undefined)
      const edit = (key: string): Promise<unknown> => {
        const payload = JSON.stringify({ id: key, patch: { [key]: true } })
        return client.publishAsync('devices/pump/config/set', payload, { qos: 1 })
      }
      await edit(`edge-${round}`)
      acknowledged.push(`edge-${round}`)
      const killing = pause(Math.random() * LIFE_MS).then(() => edge.kill())
      for (let i = 0; client.connected && i < 20; i++) {
        const key = `edge-${round}-${i}`
        cloud.write(`cloud-${round}-${i}`)
        acknowledged.push(`cloud-${round}-${i}`)
        const taken = await Promise.race([
          edit(key).then(
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
    await until(() => isDeepStrictEqual(local.json('devices/pump/config'), { ...cloud.cur()?.config }), {
      what: 'both sides are the same',
    })
    expect(await edge.stop()).toBe(0)
  }, 90_000)

  describePeer('strace', 'an edge that is killed at a sync', () => {
    it('loses nothing, whichever of the commits of an edit on both sides it is killed at', async () => {
      const mosquitto = await startMosquitto()
      const cloud = await startCloud(mosquitto.url)
      const edge = await SiteEdge.create({ uplinks: [{ url: mosquitto.url, ...QUICK_UPLINK }] })
      const known: string[] = []
      let survived = false
      for (let step = FIRST_STEP; !survived; step += STEP_BY) {
        expect(step).toBeLessThan(STEPS_MAX)
        await edge.start()
        const device = await Listener.connect(`mqtt://127.0.0.1:${edge.port}`, 'pump', 'devices/pump/config')
        device.client.on('error', () => undefined)
        const strace = await endAtSync(edge, step)
        const gone = edge.process.exit.then(() => false)
        cloud.write(`cloud-${step}`)
        known.push(`cloud-${step}`)
        const payload = JSON.stringify({ id: `edge-${step}`, patch: { [`edge-${step}`]: true } })
        const edited = device.client.publishAsync('devices/pump/config/set', payload, { qos: 1 }).then(
          () => known.push(`edge-${step}`),
          () => undefined,
        )
        await Promise.race([edited, gone])
        const isDone = async (): Promise<boolean> =>
          isAll(cloud.cur()?.config, known) && isAll(device.json('devices/pump/config'), known) && (await isIdle(edge))
        const done = until(isDone, { deadlineMs: STEP_MS }).then(() => true)
        done.catch(() => undefined)
        survived = await Promise.race([gone, done]).catch(() => false)
        if (survived) {
          await strace.stop()
          survived = !edge.process.ended
        }
        if (!survived) await gone
        device.client.end(true)
      }
      const local = await Listener.connect(`mqtt://127.0.0.1:${edge.port}`, 'later', 'devices/pump/config')
      await until(() => isDeepStrictEqual(local.json('devices/pump/config'), { ...cloud.cur()?.config }), {
        what: 'both sides are the same',
      })
      expect(isAll(local.json('devices/pump/config'), known)).toBe(true)
      expect(known.length).toBeGreaterThan(sized(2, 4))
    }, 120_000)
  })
})

/** Whether the edge has committed and sent everything about configs. */
async function isIdle(edge: SiteEdge): Promise<boolean> {
  const { store, uplinks } = await edge.status()
  return store.configs.waiting === 0 && uplinks.every(({ inFlight }) => inFlight === 0)
}

/** From now on the edge is killed when it begins to sync its commit number `step`. Stopping the process prevents that. */
async function endAtSync(edge: SiteEdge, step: number): Promise<RunningProcess> {
  const inject = `inject=fsync,fdatasync:signal=KILL:when=${step}`
  const strace = startProcess(peers.strace!, [
    '-f',
    '-e',
    'trace=fsync,fdatasync',
    '-e',
    inject,
    '-p',
    `${edge.process.pid}`,
  ])
  await strace.waitFor(/attached/)
  return strace
}

function isAll(config: object | null | undefined, keys: readonly string[]): boolean {
  return keys.every((key) => Reflect.get(config ?? {}, key) === true)
}
