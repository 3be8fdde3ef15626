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
import { Histories, LEAVES, leaf, logsChange } from './histories.ts'
import { type DeviceWorld, edgeEnv, type World } from './world.ts'

interface Step {
  readonly before: EdgeState
  readonly event: EdgeEvent
  readonly effects: readonly EdgeEffect[]
}

/** Checks the effects of one event on a device at the edge. */
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
  checks.check(7, sameRev(last?.rev, edge.cur?.rev), () => 'the revision in force was not kept')
}

/** The cloud's revision that `next` follows or merges; undefined: `next` is an edit. */
function remoteOf(event: EdgeEvent, before: EdgeState, next: Revision): Revision | undefined {
  if (next.by !== 'merge' && event.kind !== 'desired') return undefined
  if (event.kind === 'desired') return fullOf(event.message)
  return before.conflict!.remote
}

function fullOf(message: DesiredMessage): Revision {
  if (message.form !== 'full') throw new Error('the model has only full messages')
  return message.revision
}

interface MergeStep {
  readonly last: Revision | null
  readonly remote: Revision
  readonly next: Revision
  readonly log: readonly Change[]
  readonly effects: readonly EdgeEffect[]
}

function merged(world: World, histories: Histories, { last, remote, next, log, effects }: MergeStep): void {
  const edge = last ?? remote
  const ancestor = counted(effects, 'merged')?.reason
  if (ancestor !== undefined && ancestor !== 'unknown ancestor') {
    checkAncestor(world, histories, histories.ofName(ancestor), { edge, remote })
  }
  if (edge.config === null) checkTombstone(world, histories, edge, next, remote)
  histories.merged(edge, remote, next, log)
}

type Sides = { readonly edge: Revision; readonly remote: Revision }

/** The true ancestor contains exactly the writes that both sides know. */
function checkAncestor(world: World, histories: Histories, of: ReadonlySet<number> | undefined, sides: Sides): void {
  const remote = histories.of(sides.remote)
  const common = new Set([...histories.of(sides.edge)].filter((id) => remote.has(id)))
  const exact = of !== undefined && of.size === common.size && Histories.within(common, of)
  world.checks.check(6, exact, () => `of ${formatRev(sides.edge.rev)} and ${formatRev(sides.remote.rev)}`)
}

/** Only a revision that its author did not know, or a restored cloud, may replace a tombstone. */
function checkTombstone(world: World, histories: Histories, edge: Revision | null, next: Revision, by = next): void {
  if (edge === null || edge.config !== null || next.config === null || by.rev.ci > edge.rev.ci) return
  const older = Histories.within(histories.of(by), histories.of(edge))
  world.checks.check(16, !older, () => `${formatRev(by.rev)} undid ${formatRev(edge.rev)}`)
}

/** The change log has every changed leaf, with its former value. */
function checkLog(world: World, log: readonly Change[], last: Revision | null, next: Revision): void {
  for (const path of LEAVES) {
    const [from, to] = [leaf(last, path), leaf(next, path)]
    const isLogged = equal(from, to) || log.some((change) => logsChange(change, path, from, to))
    world.checks.check(7, isLogged, () => `the log has no change of ${path}`)
  }
}

function checkCounters(world: World, { edge }: DeviceWorld, before: EdgeState): void {
  world.checks.check(3, edge.eMax >= before.eMax && edge.maxCi >= before.maxCi, () => 'a counter decreased')
}

/** A revision of the edge has a counter that the edge never used before. */
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
    world.checks.check(18, known, () => 'a config counts as applied that the device has not confirmed')
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

/** The config on the local broker is the committed one. Not checked after a crash until the restart publishes it. */
export function checkLocal(world: World, device: DeviceWorld): void {
  const expected = localPayload(device.edge, edgeEnv(world).rules.localForm)
  world.checks.check(17, device.local === expected, () => `${device.local} instead of ${expected}`)
}

/** A message that was handled before may be answered, but the revision in force does not change. */
export function checkReplay(world: World, before: EdgeState, after: EdgeState): void {
  const durableState = ({ cur, base, ring, conflict, eMax, maxCi }: EdgeState): Json =>
    JSON.parse(JSON.stringify({ cur, base, ring, conflict, eMax, maxCi })) as Json
  world.checks.check(
    8,
    equal(durableState(before), durableState(after)),
    () => 'a desired message that the edge had handled before',
  )
}

function counted(effects: readonly EdgeEffect[], name: string): { readonly reason?: string } | undefined {
  return effects.find((effect) => effect.kind === 'count' && effect.name === name) as { reason?: string } | undefined
}
