import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, it } from 'vitest'
import type { Json } from '../../../../src/config/json.ts'
import { CloudConfig } from '../../../../src/receiver/config/cloud-config.ts'
import type { RolloutDevice } from '../../../../src/receiver/config/rollout/rollout.ts'
import { beginRollout, carryOn } from '../../../../src/receiver/config/rollout/run.ts'
import { SqliteSink } from '../../../../src/receiver/sqlite/sqlite-sink.ts'
import { tempFolder } from '../../../../support/folder.ts'
import { type Mosquitto, startMosquitto } from '../../../../support/mosquitto.ts'
import { describePeer } from '../../../../support/peers.ts'
import { onStop } from '../../../../support/started.ts'
import { until } from '../../../../support/wait.ts'
import { runHere } from '../../../cli/recorder.ts'
import { startReceiving } from '../../scene.ts'
import { type ConfigEdge, startConfigEdge } from '../config-edge.ts'

const DEVICES = ['a', 'b', 'c', 'd']
const BY = { by: 'user:test' }

describePeer('mosquitto', 'a rollout', () => {
  let broker: Mosquitto
  let sink: SqliteSink
  let config: CloudConfig
  let settings: string
  let folder: string
  /** The answer of each device to a config with the new speed. */
  let answers: Record<string, number | undefined>
  let edge: ConfigEdge

  beforeEach(async () => {
    broker = await startMosquitto()
    folder = tempFolder()
    sink = SqliteSink.open(folder)
    onStop(() => sink.close())
    config = new CloudConfig({ store: sink.configs })
    await startReceiving(broker.url, sink)
    settings = join(folder, 'receiver.yaml')
    writeFileSync(settings, `cloud: { url: '${broker.url}' }\ndata: .\n`)
    writeFileSync(join(folder, 'fast.json'), '{"speed":9}')
    answers = Object.fromEntries(DEVICES.map((device) => [device, 200]))
    const answer = (device: string, given: Json) => {
      return JSON.stringify(given).includes('"speed":9') ? answers[device] : 200
    }
    edge = await startConfigEdge(broker.url, { answer })
    for (const device of DEVICES) await config.set({ edge: edge.edge, device }, { name: device, speed: 1 }, BY)
    await until(async () => (await Promise.all(DEVICES.map(standsAt))).every(Boolean))
  })

  async function standsAt(device: string): Promise<boolean> {
    const { state, reported } = (await sink.configs.one({ edge: edge.edge, device }))!
    return reported?.status === 'applied' && reported.hash === state.cur?.hash
  }

  const rollout = (...more: string[]) =>
    runHere([
      'cloud',
      'config',
      'rollout',
      join(folder, 'fast.json'),
      '--patch',
      '--match',
      '*/*',
      '-s',
      settings,
      ...more,
    ])
  const speeds = () => DEVICES.map((device) => (edge.config(device) as { speed: number }).speed)

  async function devices(id = 1): Promise<readonly RolloutDevice[]> {
    return sink.configs.rollouts.devices(id, 0, 9)
  }

  it('continues with the next stage when every device of the previous one runs it, and exits with 0', async () => {
    const { code, stdout, stderr } = await rollout('--percent', '25,100')
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'rollout 1: done\n' })
    expect(stderr).toMatch(/stage 1 of 2 \(25 % of 4\)[\s\S]+stage 2 of 2/)
    expect(speeds()).toEqual([9, 9, 9, 9])
    const status = await runHere(['cloud', 'config', 'rollout', 'status', '1', '--json', '-s', settings])
    expect(JSON.parse(status.stdout)).toMatchObject({ status: 'done', places: Array(4).fill({ status: 'applied' }) })
  })

  it('stops when a device refuses, reverts the devices that it has changed and no others, and exits with 1', async () => {
    answers = { a: 500, b: 500, c: 500, d: 500 }
    const { code, stdout } = await rollout('--percent', '50,100')
    expect(code).toBe(1)
    expect(stdout).toMatch(/^rollout 1: reverted \(plant-7\/\w: the device is refused \(500\): no/)
    await until(() => speeds().every((speed) => speed === 1))
    const after = await devices()
    expect(after.map(({ status }) => status)).toEqual(['reverted', 'reverted', 'waiting', 'waiting'])
    for (const { device, status } of after) {
      const counts = (await sink.configs.one({ edge: edge.edge, device }))?.counts
      expect(counts?.written).toBe(status === 'reverted' ? 3 : 1)
    }
  })

  it('stops when a device does not answer in time, and keeps later edits of other values', async () => {
    answers = { ...answers, a: undefined }
    const id = await beginRollout(
      sink.configs,
      {
        edit: { patch: { speed: 9 } },
        match: '*/*',
        percents: [100],
        waitMs: 700,
        ...BY,
        devices: DEVICES.map((device) => ({ edge: edge.edge, device })),
      },
      Date.now(),
    )
    const done = carryOn(id, {
      store: sink.configs,
      config,
      now: () => Date.now(),
      signal: new AbortController().signal,
      onProgress: ({ writtenAt }) => {
        if (writtenAt !== null && edge.config('b')) edge.set('b', { name: 'mine' })
      },
    })
    expect(await done).toMatchObject({
      status: 'reverted',
      reason: expect.stringMatching(/plant-7\/a: it did not apply/),
    })
    await until(() => speeds().every((speed) => speed === 1))
    expect(edge.config('b')).toEqual({ name: 'mine', speed: 1 })
  })

  it('survives the end of its command: it can be resumed or aborted from where it was', async () => {
    answers = { ...answers, [DEVICES[0]!]: undefined, b: undefined, c: undefined, d: undefined }
    const stop = new AbortController()
    const plan = { edit: { patch: { speed: 9 } }, match: '*/*', percents: [50, 100], waitMs: 60_000, ...BY }
    const keys = DEVICES.map((device) => ({ edge: edge.edge, device }))
    const id = await beginRollout(sink.configs, { ...plan, devices: keys }, Date.now())
    const options = { store: sink.configs, config, now: () => Date.now(), signal: stop.signal }
    const onProgress = ({ writtenAt }: { writtenAt: number | null }) => {
      if (writtenAt !== null) stop.abort()
    }
    expect(await carryOn(id, { ...options, onProgress })).toMatchObject({ status: 'running', stage: 0 })
    const other = await sink.configs.rollouts.drive(id, 'somebody', Date.now())
    expect(other).toBe(true)
    const resume = ['cloud', 'config', 'rollout', 'resume', `${id}`, '-s', settings]
    expect(await runHere(resume)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('another command is executing'),
    })
    await sink.configs.rollouts.leave(id, 'somebody')
    const aborted = await runHere(['cloud', 'config', 'rollout', 'abort', `${id}`, '-s', settings, '--json'])
    expect(aborted.code).toBe(0)
    expect(JSON.parse(aborted.stdout)).toMatchObject({ status: 'reverted', tally: { reverted: 2, waiting: 2 } })
    await until(() => speeds().every((speed) => speed === 1))
    expect((await runHere(resume)).stdout).toMatch(/reverted/)
  })
})
