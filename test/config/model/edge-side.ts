import { isDeepStrictEqual } from 'node:util'
import { type EdgeEvent, type EdgeState, newEdgeState } from '../../../src/config/edge/state.ts'
import { step } from '../../../src/config/edge/step.ts'
import { answered, enqueue, type Operation } from '../../../src/config/operations.ts'
import { parseDesired } from '../../../src/config/wire.ts'
import type { Action, Crash } from './actions.ts'
import { checkEdgeStep, checkLocal, checkReplay } from './edge-checks.ts'
import { type DeviceWorld, edgeEnv, type World } from './world.ts'

/** Handles one event at the edge, with a crash before or after its commit if asked. @returns whether it is done. */
export function edgeStep(world: World, device: DeviceWorld, event: EdgeEvent, crash: Crash = 'none'): boolean {
  const before = device.edge
  const text = crash === 'none' ? '' : JSON.stringify(before)
  const { state, effects } = step(before, event, edgeEnv(world))
  if (crash !== 'none') {
    const survives = JSON.stringify(before) === text && isDeepStrictEqual(reread(state), state)
    world.checks.check(23, survives, () => 'the state after the crash is not the committed one')
  }
  if (crash === 'before') {
    restartEdge(world)
    return false
  }
  device.edge = crash === 'none' ? state : reread(state)
  for (const effect of effects) {
    if (effect.kind === 'enqueue') world.operations = enqueue(world.operations, device.name, effect.what, world.now)
    if (effect.kind === 'publishLocal' && crash === 'none') device.local = effect.payload
    if (effect.kind === 'publish' && crash === 'none') publishToCloud(device, effect.what, effect.payload)
  }
  checkEdgeStep(world, device, { before, event, effects })
  if (crash === 'after') restartEdge(world)
  checkLocal(world, device)
  return crash === 'none'
}

/** The state as the database returns it. */
function reread(state: EdgeState): EdgeState {
  return JSON.parse(JSON.stringify(state)) as EdgeState
}

/** Starts the process again, with the committed state. */
export function restartEdge(world: World): void {
  for (const device of world.devices) {
    device.edge = reread(device.edge)
    edgeStep(world, device, { kind: 'restart' })
    subscribeEdge(device)
  }
}

/** Replaces the database by a new, empty one. */
export function wipeEdge(world: World): void {
  world.unique++
  world.operations = []
  for (const device of world.devices) {
    device.edge = newEdgeState(device.name, `life${world.unique}`)
    device.worked.edge = new Set()
    device.confirmed.clear()
    device.local = ''
    subscribeEdge(device)
  }
}

/** Every subscription delivers the retained message again (retain handling 0). */
export function subscribeEdge({ toEdge, retained }: DeviceWorld): void {
  if (retained.desired !== '') toEdge.push(retained.desired)
}

function publishToCloud(device: DeviceWorld, what: Operation['what'], payload: string): void {
  device.retained[what] = payload
  if (what !== 'reported') device.messages.edge++ // every answer of a device has its own message
  if (what !== 'head' || payload === '') return
  device.toCloud.push(payload)
  device.published.head.push(payload)
}

/** Delivers a message on the desired topic. @returns whether it is done. */
export function deliverToEdge(world: World, device: DeviceWorld, payload: string, crash: Crash = 'none'): boolean {
  const message = parseDesired(payload, device.name)
  if (!message.ok) throw new Error(`the cloud has published an unreadable message: ${message.reason}`)
  const before = device.edge
  const done = edgeStep(world, device, { kind: 'desired', message: message.value }, crash)
  if (crash !== 'before') {
    if (device.worked.edge.has(payload)) checkReplay(world, before, device.edge)
    device.worked.edge.add(payload)
  }
  return done
}

/** Sends the next row of the operations queue, or fails to. */
export function send(world: World, row: Operation, fault: Extract<Action, { kind: 'send' }>['fault']): void {
  const device = world.devices.find(({ name }) => name === row.device)!
  if (fault === 'down') {
    world.operations = answered(world.operations, row, { kind: 'lost' }, world.now, () => 0.5)
    return
  }
  if (device.refuses) {
    const refusal = { kind: 'refused', reason: 'not authorized' } as const
    world.operations = answered(world.operations, row, refusal, world.now, () => 0.5)
    return
  }
  const crash = fault === 'crash before' ? 'before' : fault === 'crash after' ? 'after' : 'none'
  const published = edgeStep(world, device, { kind: 'sending', what: row.what }, crash)
  if (!published || fault === 'answer lost') return
  world.operations = answered(world.operations, row, { kind: 'taken' }, world.now, () => 0.5)
}
