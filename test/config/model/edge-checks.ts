import type { Change } from '../../../src/config/changes.ts'
import { CONFLICT_PATHS_MAX, cidOf } from '../../../src/config/conflict.ts'
import { BOUNDS } from '../../../src/config/document.ts'
import { localPayload } from '../../../src/config/edge/messages.ts'
import {
  ANSWERS_MAX,
  type EdgeEffect,
  type EdgeEvent,
  type EdgeState,
  RING_MAX,
} from '../../../src/config/edge/state.ts'
import { equal, type Json } from '../../../src/config/json.ts'
import { OPERATIONS_MAX } from '../../../src/config/operations.ts'
import { formatRev, type Revision, sameRev } from '../../../src/config/revision.ts'
import type { DesiredMessage } from '../../../src/config/wire.ts'
import { Histories, LEAVES, leaf, tellsChange } from './histories.ts'
import { type DeviceWorld, edgeEnv, type World } from './world.ts'

interface Step {
  readonly before: EdgeState
  readonly event: EdgeEvent
  readonly effects: readonly EdgeEffect[]
}

/** Looks at what one event did to a device at the edge. */
export function checkEdgeStep(world: World, device: DeviceWorld, step: Step): void {
  if (!sameRev(step.before.cur?.rev, device.edge.cur?.rev)) checkNewRevision(world, device, step)
  checkCounters(world, device, step.before)
  checkConflict(world, device, step)
  checkDevice(world, device)
  checkBounds(world, device)
}

function checkNewRevision(world: World, device: DeviceWorld, { before, event, effects }: Step): void {
  const { checks } = world
  const { edge, histories } = device
  const kept = effects.flatMap((effect) => (effect.kind === 'keep' ? [effect.revision] : []))
  const log = effects.flatMap((effect) => (effect.kind === 'log' ? [effect.change] : []))
  let last = before.cur
  for (const next of kept) {
    const remote = remoteOf(event, before, next)
    if (remote?.rev !== next.rev) checkMade(world, device, next)
    if (remote === undefined) histories.edited(last, next)
    else if (remote.rev !== next.rev) merged(world, histories, { last, remote, next, log, effects })
    else if (counted(effects, 'forwarded')) {
      const descends = Histories.within(histories.of(last), histories.of(next))
      checks.check(4, descends, () => `${formatRev(next.rev)} does not include ${formatRev(last!.rev)}`)
      checkTombstone(world, histories, last, next)
    }
    checkLog(world, log, last, next)
    last = next
  }
  checks.check(7, sameRev(last?.rev, edge.cur?.rev), () => 'what is in force was not kept')
}

/** The cloud's revision that this one follows or combines; undefined: it is an edit. */
function remoteOf(event: EdgeEvent, before: EdgeState, next: Revision): Revision | undefined {
  if (next.by !== 'merge' && event.kind !== 'desired') return undefined
  if (event.kind === 'desired') return fullOf(event.message)
  return before.conflict!.remote
}

function fullOf(message: DesiredMessage): Revision {
  if (message.form !== 'full') throw new Error('this world has full messages only')
  return message.revision
}

interface Merging {
  readonly last: Revision | null
  readonly remote: Revision
  readonly next: Revision
  readonly log: readonly Change[]
  readonly effects: readonly EdgeEffect[]
}

function merged(world: World, histories: Histories, { last, remote, next, log, effects }: Merging): void {
  const edge = last ?? remote
  const ancestor = counted(effects, 'merged')?.reason
  if (ancestor !== undefined && ancestor !== 'unknown ancestor') {
    checkAncestor(world, histories, histories.ofName(ancestor), { edge, remote })
  }
  if (edge.config === null) checkTombstone(world, histories, edge, next, remote)
  histories.merged(edge, remote, next, log)
}

type Sides = { readonly edge: Revision; readonly remote: Revision }

/** The true ancestor holds exactly what both sides know. */
function checkAncestor(world: World, histories: Histories, of: ReadonlySet<number> | undefined, sides: Sides): void {
  const remote = histories.of(sides.remote)
  const common = new Set([...histories.of(sides.edge)].filter((id) => remote.has(id)))
  const exact = of !== undefined && of.size === common.size && Histories.within(common, of)
  world.checks.check(6, exact, () => `of ${formatRev(sides.edge.rev)} and ${formatRev(sides.remote.rev)}`)
}

/** A tombstone gives way only to something that its author did not know, or to a cloud that was restored. */
function checkTombstone(world: World, histories: Histories, edge: Revision | null, next: Revision, by = next): void {
  if (edge === null || edge.config !== null || next.config === null || by.rev.ci > edge.rev.ci) return
  const older = Histories.within(histories.of(by), histories.of(edge))
  world.checks.check(16, !older, () => `${formatRev(by.rev)} undid ${formatRev(edge.rev)}`)
}

/** Every leaf that changed stands in the change log, with what it was. */
function checkLog(world: World, log: readonly Change[], last: Revision | null, next: Revision): void {
  for (const path of LEAVES) {
    const [from, to] = [leaf(last, path), leaf(next, path)]
    const told = equal(from, to) || log.some((change) => tellsChange(change, path, from, to))
    world.checks.check(7, told, () => `the log does not tell that ${path} changed`)
  }
}

function checkCounters(world: World, { edge }: DeviceWorld, before: EdgeState): void {
  world.checks.check(3, edge.eMax >= before.eMax && edge.maxCi >= before.maxCi, () => 'a counter fell')
}

/** What the edge makes has a counter that it never gave. */
function checkMade(world: World, { counters }: DeviceWorld, { rev }: Revision): void {
  const name = `e of ${rev.ei}`
  const largest = counters.get(name) ?? 0
  world.checks.check(3, rev.e > largest, () => `${formatRev(rev)} repeats a counter`)
  counters.set(name, Math.max(rev.e, largest))
}

function checkConflict(world: World, { edge, histories }: DeviceWorld, { before, event, effects }: Step): void {
  const { checks } = world
  if (edge.conflict !== null) {
    const { record, ancestor, remote } = edge.conflict
    const cid = cidOf(ancestor?.rev ?? null, edge.cur?.rev ?? record.edge, remote.rev)
    checks.check(14, record.cid === cid, () => `the conflict is ${record.cid}, not ${cid}`)
    if (ancestor !== null && edge.cur !== null && before.conflict?.record.cid !== cid) {
      checkAncestor(world, histories, histories.of(ancestor), { edge: edge.cur, remote })
    }
  }
  if (before.conflict === null || edge.conflict !== null) return
  const closing = event.kind === 'desired' ? fullOf(event.message) : before.conflict.remote
  const { cur } = edge
  const dominates = cur !== null && cur.rev.c === closing.rev.c && cur.rev.ci === closing.rev.ci
  const sides = [before.cur, closing].every(
    (side) => side === null || Histories.within(histories.of(side), histories.of(cur)),
  )
  const heads = effects.filter((effect) => effect.kind === 'enqueue' && effect.what === 'head').length
  const follows = counted(effects, 'adopted') !== undefined
  checks.check(15, dominates && heads > 0 && (sides || follows), () => `closed by ${cur && formatRev(cur.rev)}`)
}

function checkDevice(world: World, { edge, confirmed }: DeviceWorld): void {
  const { applied, cur } = edge
  if (applied.status === 'applied') {
    const known = cur !== null && confirmed.has(cur.hash)
    world.checks.check(18, known, () => 'the device has not confirmed what counts as applied')
  }
}

function checkBounds(world: World, { edge, name }: DeviceWorld): void {
  const rows = world.operations.filter(({ device }) => device === name).length
  const holds =
    edge.ring.length <= RING_MAX &&
    edge.answers.length <= ANSWERS_MAX &&
    (edge.conflict?.record.paths.length ?? 0) <= CONFLICT_PATHS_MAX &&
    rows <= OPERATIONS_MAX &&
    (edge.cur?.config == null || JSON.stringify(edge.cur.config).length <= BOUNDS.configBytesMax)
  world.checks.check(20, holds, () => `ring ${edge.ring.length}, answers ${edge.answers.length}, operations ${rows}`)
}

/** The device has what is committed. Not looked at while a crash has lost it: the restart publishes it again. */
export function checkLocal(world: World, device: DeviceWorld): void {
  const expected = localPayload(device.edge, edgeEnv(world).rules.localForm)
  world.checks.check(17, device.local === expected, () => `${device.local} instead of ${expected}`)
}

/** A message that was worked on before may be answered, but what is in force does not change. */
export function checkReplay(world: World, before: EdgeState, after: EdgeState): void {
  const essence = ({ cur, base, ring, conflict, eMax, maxCi }: EdgeState): Json =>
    JSON.parse(JSON.stringify({ cur, base, ring, conflict, eMax, maxCi })) as Json
  world.checks.check(8, equal(essence(before), essence(after)), () => 'a desired message that had been seen')
}

function counted(effects: readonly EdgeEffect[], name: string): { readonly reason?: string } | undefined {
  return effects.find((effect) => effect.kind === 'count' && effect.name === name) as { reason?: string } | undefined
}
