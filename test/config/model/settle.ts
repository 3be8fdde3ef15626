import { nextOperation, retry } from '../../../src/config/operations.ts'
import { formatRev, sameRev } from '../../../src/config/revision.ts'
import { parseRevision } from '../../../src/config/wire.ts'
import { deliverToCloud, subscribeCloud } from './cloud-side.ts'
import { deliverToEdge, send, subscribeEdge } from './edge-side.ts'
import { resolveAtCloud, resolveAtEdge, wait } from './perform.ts'
import type { DeviceWorld, World } from './world.ts'

const MESSAGES_MAX = 6
/** Far more rounds than the sides need to become quiet. */
const ROUNDS_MAX = 60

/** Ends the faults, connects both sides, delivers every message and resolves every conflict. Then all must agree. */
export function settle(world: World): void {
  deliverInFlight(world)
  checkOthersOfRefused(world)
  for (const device of world.devices) device.refuses = false
  for (const { name } of world.devices) world.operations = retry(world.operations, name, world.now)
  world.now += 600_000 // ends every pause after a refusal
  becomeQuiet(world, world.devices)
  for (const device of world.devices) decideAll(world, device)
  for (const device of world.devices) checkAgreement(world, device)
}

/** Delivers the messages that are in flight. */
function deliverInFlight(world: World): void {
  for (const device of world.devices) {
    for (const payload of device.toEdge.splice(0)) deliverToEdge(world, device, payload)
    for (const payload of device.toCloud.splice(0)) deliverToCloud(world, device, payload)
  }
}

/** Checks that the other devices become quiet while the broker refuses one permanently. */
function checkOthersOfRefused(world: World): void {
  const others = world.devices.filter(({ refuses }) => !refuses)
  if (others.length === world.devices.length) return
  becomeQuiet(world, others)
  const stuck = world.operations.filter(({ device }) => others.some(({ name }) => name === device))
  world.checks.check(21, stuck.length === 0, () => `${stuck[0]?.device} waits for a device that is refused`)
}

function becomeQuiet(world: World, devices: readonly DeviceWorld[]): void {
  for (const device of devices) {
    subscribeEdge(device)
    subscribeCloud(device)
    device.messages.edge = 0
    device.messages.cloud = 0
  }
  for (let round = 0; round < ROUNDS_MAX; round++) {
    sendAll(world)
    let busy = false
    for (const device of devices) busy = deliverAll(world, device) || busy
    if (busy) continue
    const due = devices.some(({ edge }) => edge.headAgain?.due)
    if (!due && !devices.some(({ name }) => world.operations.some((row) => row.device === name))) {
      return checkMessages(world, devices)
    }
    wait(world, 11_000)
  }
  world.checks.check(1, false, () => 'it does not become quiet')
}

function sendAll(world: World): void {
  for (let row = nextOperation(world.operations, world.now); row; row = nextOperation(world.operations, world.now)) {
    send(world, row, 'none')
  }
}

function deliverAll(world: World, device: DeviceWorld): boolean {
  const toEdge = device.toEdge.splice(0)
  const toCloud = device.toCloud.splice(0)
  for (const payload of toEdge) deliverToEdge(world, device, payload)
  for (const payload of toCloud) deliverToCloud(world, device, payload)
  return toEdge.length + toCloud.length > 0
}

function checkMessages(world: World, devices: readonly DeviceWorld[]): void {
  for (const { messages, name } of devices) {
    const holds = messages.edge <= MESSAGES_MAX && messages.cloud <= MESSAGES_MAX
    world.checks.check(19, holds, () => `${name}: ${messages.edge} from the edge, ${messages.cloud} from the cloud`)
  }
}

/** Resolves the conflict at either side until none is left; everything must become quiet after each decision. */
function decideAll(world: World, device: DeviceWorld): void {
  for (let times = 0; device.edge.conflict !== null; times++) {
    const { cid } = device.edge.conflict.record
    if (times > 4) world.checks.check(15, false, () => `conflict ${cid} cannot be closed`)
    const take = world.unique % 2 === 0 ? 'edge' : 'cloud'
    if (world.unique++ % 3 === 0 && times < 2) resolveAtCloud(world, device, take)
    else resolveAtEdge(world, device, device.edge.cur === null ? 'cloud' : take)
    becomeQuiet(world, [device])
  }
}

function checkAgreement(world: World, { name, edge, cloud, retained }: DeviceWorld): void {
  const { cur } = edge
  const holds = (payload: string): boolean => {
    const revision = parseRevision(payload, name)
    return revision.ok && sameRev(revision.value.rev, cur?.rev) && revision.value.hash === cur?.hash
  }
  const nothing = cur === null && cloud.cur === null && retained.head === ''
  const one =
    nothing ||
    (cur !== null &&
      sameRev(cur.rev, cloud.cur?.rev) &&
      cur.hash === cloud.cur?.hash &&
      (cloud.tombstone?.purged ? retained.desired === '' : holds(retained.desired)) &&
      (edge.tombstone?.purged ? retained.head === '' : holds(retained.head)))
  const what = (revision: typeof cur): string => (revision === null ? 'nothing' : formatRev(revision.rev))
  world.checks.check(1, one, () => `${name}: edge ${what(cur)}, cloud ${what(cloud.cur)}, head ${retained.head}`)
}
