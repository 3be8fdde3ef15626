import { equal, type Json, type JsonObject, keysOf, MISSING } from '../../../src/config/json.ts'
import { nextOperation } from '../../../src/config/operations.ts'
import type { Revision } from '../../../src/config/revision.ts'
import { type Edit, parseDesired, parseRevision } from '../../../src/config/wire.ts'
import type { Action, Change, Crash } from './actions.ts'
import { cloudStep, deliverToCloud, restartCloud, restoreCloud, subscribeCloud } from './cloud-side.ts'
import { deliverToEdge, edgeStep, send, subscribeEdge, wipeEdge } from './edge-side.ts'
import { leaf } from './histories.ts'
import type { DeviceWorld, World } from './world.ts'

const YEAR_MS = 365 * 86_400_000

/** Performs one event; an event that is impossible now has no effect. */
export function perform(world: World, action: Action): void {
  const device = world.devices[action.device]!
  switch (action.kind) {
    case 'edit':
      return edit(world, device, action.side, action.change, action.crash)
    case 'send': {
      const row = nextOperation(world.operations, world.now)
      return row && send(world, row, action.fault)
    }
    case 'deliver':
      return deliver(world, device, action)
    case 'lose': {
      const inFlight = action.to === 'edge' ? device.toEdge : device.toCloud
      inFlight.splice(action.pick % Math.max(1, inFlight.length), 1)
      return
    }
    case 'replay':
      return replay(device, action)
    case 'reconnect':
      return action.side === 'edge' ? subscribeEdge(device) : subscribeCloud(device)
    case 'malformed':
      return malformed(world, device, action.to, action.bytes)
    case 'wipe':
      return wipeEdge(world)
    case 'snapshot':
      device.snapshots.push(device.cloud)
      return
    case 'restore':
      return restoreCloud(world, device, device.snapshots[action.pick % device.snapshots.length]!)
    case 'copy back':
      device.cloud = device.snapshots[action.pick % device.snapshots.length]!
      return restartCloud(world)
    case 'clock':
      world.skew[action.side] = action.years * YEAR_MS
      return
    case 'wait':
      return wait(world, action.ms)
    case 'resolve':
      return action.side === 'edge'
        ? resolveAtEdge(world, device, action.take)
        : resolveAtCloud(world, device, action.take)
    case 'device':
      return deviceSays(world, device, action.says)
    case 'acl':
      device.refuses = action.refuses
  }
}

export function wait(world: World, ms: number): void {
  world.now += ms
  for (const device of world.devices) {
    edgeStep(world, device, { kind: 'tick' })
    cloudStep(world, device, { kind: 'tick' })
  }
}

function edit(world: World, device: DeviceWorld, side: 'edge' | 'cloud', change: Change, crash: Crash): void {
  const cur = side === 'edge' ? device.edge.cur : device.cloud.cur
  const made = editOf(world, cur, change)
  const id = `edit-${world.unique++}`
  if (side === 'cloud') cloudStep(world, device, { kind: 'write', edit: made, by: 'user:cloud' }, crash)
  else edgeStep(world, device, { kind: 'set', set: { id, ...made }, by: 'user:edge' }, crash)
}

function editOf(world: World, cur: Revision | null, change: Change): Edit {
  if (change.kind === 'delete') return { delete: true }
  const value = change.kind === 'write' ? ++world.unique : change.kind === 'revert' ? 0 : null
  const [outer, inner] = keysOf(change.path)
  if (cur !== null && leaf(cur, change.path) === MISSING && value === null) return { patch: {} }
  return { patch: { [outer!]: inner === undefined ? value : { [inner]: value } } }
}

function deliver(world: World, device: DeviceWorld, action: Extract<Action, { kind: 'deliver' }>): void {
  const inFlight = action.to === 'edge' ? device.toEdge : device.toCloud
  if (inFlight.length === 0) return
  const index = action.pick % inFlight.length
  const [payload] = action.again ? [inFlight[index]!] : inFlight.splice(index, 1)
  const deliverTo = action.to === 'edge' ? deliverToEdge : deliverToCloud
  if (!deliverTo(world, device, payload!, action.crash) && !action.again) inFlight.push(payload!) // not acknowledged
}

function replay({ toEdge, toCloud, published }: DeviceWorld, { to, pick }: Extract<Action, { kind: 'replay' }>): void {
  const [inFlight, past] = to === 'edge' ? [toEdge, published.desired] : [toCloud, published.head]
  if (past.length > 0) inFlight.push(past[pick % past.length]!)
}

function malformed(world: World, device: DeviceWorld, to: 'edge' | 'cloud', bytes: string): void {
  const read = to === 'edge' ? parseDesired(bytes, device.name) : parseRevision(bytes, device.name)
  if (read.ok) return
  const before = JSON.stringify(to === 'edge' ? device.edge : device.cloud)
  const event = { kind: 'malformed', reason: read.reason } as const
  if (to === 'edge') edgeStep(world, device, event)
  else cloudStep(world, device, event)
  const after = JSON.stringify(to === 'edge' ? device.edge : device.cloud)
  world.checks.check(22, before === after, () => JSON.stringify(bytes))
}

export function resolveAtEdge(world: World, device: DeviceWorld, take: 'edge' | 'cloud'): void {
  const cid = device.edge.conflict?.record.cid
  if (cid === undefined) return
  const id = `resolve-${world.unique++}`
  edgeStep(world, device, { kind: 'resolve', id, cid, take, by: 'user:edge' })
}

/** A person at the cloud reads the retained conflict and head, and writes the decision. */
export function resolveAtCloud(world: World, device: DeviceWorld, take: 'edge' | 'cloud'): void {
  if (device.retained.conflict === '') return
  const { cid } = JSON.parse(device.retained.conflict) as { cid: string }
  const head = parseRevision(device.retained.head, device.name)
  const config: JsonObject | null = take === 'edge' && head.ok ? head.value.config : (device.cloud.cur?.config ?? null)
  const edit: Edit = config === null ? { delete: true } : { config }
  cloudStep(world, device, { kind: 'write', edit, by: 'user:cloud', resolves: cid })
}

function deviceSays(world: World, device: DeviceWorld, says: Extract<Action, { kind: 'device' }>['says']): void {
  const { cur } = device.edge
  if (cur === null || cur.config === null) return
  const { rev, hash } = cur
  const ack = { kind: 'ack', rev, hash, code: 200, message: '' } as const
  switch (says) {
    case 'applied':
      device.confirmed.add(hash)
      edgeStep(world, device, ack)
      return
    case 'refused':
      edgeStep(world, device, { ...ack, code: 500, message: 'cannot' })
      return
    case 'older':
      edgeStep(world, device, { ...ack, rev: { ...rev, e: Math.max(0, rev.e - 1) }, hash: 'of an older one' })
      return
    case 'other':
      edgeStep(world, device, { ...ack, hash: 'of something else' })
      return
    case 'edited': {
      const config = { ...cur.config, a: ++world.unique }
      edgeStep(world, device, { kind: 'device', rev, config })
    }
  }
}

export function sameJson(a: unknown, b: unknown): boolean {
  return equal(a as Json, b as Json)
}
