import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Exit } from '../../src/base/errors.ts'
import { tempFolder } from '../../support/folder.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { runTidegate, startTidegate } from '../../support/process.ts'
import { RawClient } from '../../support/raw-client.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'

const ROUTES = [{ topic: 'telemetry/{device}/{metric}' }]
/** Nothing listens there. */
const NOWHERE = 'mqtt://127.0.0.1:9'

interface World {
  readonly data: string
  readonly url: string
  readonly receiver: SiteReceiver
}

async function startWorld(): Promise<World> {
  const { url } = await startMosquitto()
  const receiver = new SiteReceiver(url)
  await receiver.start()
  return { data: join(tempFolder(), 'data'), url, receiver }
}

function edgeCalled(edge: string, { data, url }: Pick<World, 'data' | 'url'>): Promise<SiteEdge> {
  return SiteEdge.create({ data, edge, routes: ROUTES, uplinks: [{ name: 'cloud', url, ...QUICK_UPLINK }] })
}

async function publish(edge: SiteEdge, value: number): Promise<void> {
  const device = await RawClient.connect(edge.port, 'device')
  device.publish('telemetry/press/force', `${value}`, { qos: 1, messageId: value })
  await device.next('puback')
  device.destroy()
}

/** An edge has delivered the reading 1 and stored the reading 2, which is not delivered. */
async function leaveFolder(name: string, world: World): Promise<void> {
  const edge = await edgeCalled(name, world)
  await edge.start()
  await publish(edge, 1)
  await world.receiver.untilCount(1)
  await edge.untilDrained()
  await edge.stop()
  const cutOff = await edgeCalled(name, { ...world, url: NOWHERE })
  await cutOff.start()
  await publish(cutOff, 2)
  await cutOff.stop()
}

describePeer('mosquitto', 'a data folder under the name of another edge', () => {
  it('is refused with both names and the cure, and is as before', async () => {
    const world = await startWorld()
    await leaveFolder('plant-7', world)
    const other = await edgeCalled('plant-8', world)
    const { code, stderr } = await runTidegate(['run', '-s', other.settingsFile])
    expect(code).toBe(Exit.SETTINGS)
    expect(stderr).toMatch(/belongs to the edge "plant-7".*"plant-8"/)
    expect(stderr).toContain('--adopt')
    expect(other.waiting()).toBe(1)
    const former = await edgeCalled('plant-7', world)
    await former.start()
    await world.receiver.untilCount(2)
    expect(world.receiver.readings().map(({ edge, value }) => [edge, value])).toEqual([
      ['plant-7', 1],
      ['plant-7', 2],
    ])
  })

  it('is accepted once with --adopt: what was not delivered goes under the new name, nothing is lost or twice', async () => {
    const world = await startWorld()
    await leaveFolder('plant-7', world)
    const edge = await edgeCalled('plant-8', world)
    const adopting = startTidegate(['run', '-s', edge.settingsFile, '--adopt'])
    await adopting.waitFor(/ready/)
    await adopting.stop()
    await edge.start()
    await publish(edge, 3)
    await edge.untilDrained()
    const { receiver } = world
    expect(receiver.readings().map(({ edge, value }) => [edge, value])).toEqual([
      ['plant-7', 1],
      ['plant-8', 2],
      ['plant-8', 3],
    ])
    expect(new Set(receiver.readings().map(({ epoch }) => epoch)).size).toBe(2)
    expect(edge.ledgerProblems()).toEqual([])
    const { stdout } = await runTidegate(['ledger', '--data', world.data, '--json'])
    expect(JSON.parse(stdout).adoptions).toMatchObject([{ from: 'plant-7', to: 'plant-8' }])
    await edge.stop()
    const { code } = await runTidegate(['run', '-s', (await edgeCalled('plant-7', world)).settingsFile])
    expect(code).toBe(Exit.SETTINGS)
  })
})
