import { type AuthorityEvent, type AuthorityState, authorityStep } from '../../../src/config/authority.ts'
import { equal, type Json } from '../../../src/config/json.ts'
import { formatRev, sameRev } from '../../../src/config/revision.ts'
import { parseRevision } from '../../../src/config/wire.ts'
import type { Crash } from './actions.ts'
import { Histories, LEAVES, leaf, logsChange } from './histories.ts'
import { type DeviceWorld, schema, type World } from './world.ts'

/** Handles one event at the cloud, with a crash before or after its commit if asked. @returns whether it is done. */
export function cloudStep(world: World, device: DeviceWorld, event: AuthorityEvent, crash: Crash = 'none'): boolean {
  if (crash === 'before') {
    restartCloud(world)
    return false
  }
  const before = device.cloud
  const { state, effects } = authorityStep(before, event, { now: world.now + world.skew.cloud, check: schema })
  device.cloud = JSON.parse(JSON.stringify(state)) as AuthorityState
  const log = effects.flatMap((effect) => (effect.kind === 'log' ? [effect.change] : []))
  for (const effect of effects) {
    if (effect.kind === 'publishDesired' && crash === 'none') publishDesired(device, effect.payload)
  }
  checkCloudStep(world, device, before, event)
  for (const path of event.kind === 'restore' || before.ci !== device.cloud.ci ? [] : LEAVES) {
    const [from, to] = [leaf(before.cur, path), leaf(device.cloud.cur, path)]
    const isLogged = equal(from, to) || log.some((change) => logsChange(change, path, from, to))
    world.checks.check(7, isLogged, () => `the cloud's log has no change of ${path}`)
  }
  if (crash === 'after') restartCloud(world)
  return crash === 'none'
}

function publishDesired(device: DeviceWorld, payload: string): void {
  device.retained.desired = payload
  device.messages.cloud++
  if (payload === '') return
  device.toEdge.push(payload)
  device.published.desired.push(payload)
}

function checkCloudStep(world: World, device: DeviceWorld, before: AuthorityState, event: AuthorityEvent): void {
  const { checks } = world
  const { cloud, histories, counters } = device
  if (cloud.cur === null || sameRev(before.cur?.rev, cloud.cur.rev)) return
  const name = `c of ${cloud.ci}`
  if (event.kind === 'write') {
    checks.check(3, cloud.cur.rev.c > (counters.get(name) ?? 0), () => `${formatRev(cloud.cur!.rev)} repeats a counter`)
    histories.edited(before.cur, cloud.cur)
  } else if (before.cur !== null && before.ci !== cloud.ci) {
    histories.named(cloud.cur, histories.of(before.cur))
  } else if (event.kind === 'head' && sameRev(event.revision.rev, cloud.cur.rev)) {
    const descends = Histories.within(histories.of(before.cur), histories.of(cloud.cur))
    checks.check(5, descends, () => `${formatRev(cloud.cur!.rev)} does not include ${formatRev(before.cur!.rev)}`)
  } else if (event.kind === 'head') {
    histories.named(cloud.cur, histories.of(event.revision))
  }
  counters.set(name, Math.max(cloud.cur.rev.c, counters.get(name) ?? 0))
}

export function restartCloud(world: World): void {
  for (const device of world.devices) {
    cloudStep(world, device, { kind: 'restart' })
    subscribeCloud(device)
  }
}

export function subscribeCloud({ toCloud, retained }: DeviceWorld): void {
  if (retained.head !== '') toCloud.push(retained.head)
}

/** Restores the database with `restore`: new revisions get a new incarnation. */
export function restoreCloud(world: World, device: DeviceWorld, snapshot: AuthorityState): void {
  device.cloud = snapshot
  device.worked.cloud = new Set()
  cloudStep(world, device, { kind: 'restore', seen: retainedIncarnations(device) })
  subscribeCloud(device)
}

/** The incarnations in the retained messages of both sides. */
function retainedIncarnations({ retained, name }: DeviceWorld): number[] {
  return [retained.head, retained.desired].flatMap((payload) => {
    const revision = payload === '' ? undefined : parseRevision(payload, name)
    return revision?.ok ? [revision.value.rev.ci] : []
  })
}

export function deliverToCloud(world: World, device: DeviceWorld, payload: string, crash: Crash = 'none'): boolean {
  const revision = parseRevision(payload, device.name)
  if (!revision.ok) throw new Error(`the edge has published an unreadable message: ${revision.reason}`)
  const before = device.cloud
  const done = cloudStep(world, device, { kind: 'head', revision: revision.value }, crash)
  if (crash !== 'before') {
    const unchanged = equal(durableState(before), durableState(device.cloud))
    if (device.worked.cloud.has(payload))
      world.checks.check(8, unchanged, () => 'a head that the cloud had handled before')
    device.worked.cloud.add(payload)
  }
  return done
}

function durableState({ cur, ci, cMax }: AuthorityState): Json {
  return JSON.parse(JSON.stringify({ cur, ci, cMax })) as Json
}
