import { pause } from '../../src/base/clock.ts'
import { messageOf } from '../../src/base/errors.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import type { RunningProcess } from '../../support/process.ts'
import { RawClient } from '../../support/raw-client.ts'
import { QUICK_UPLINK, SiteEdge, SiteReceiver } from '../../support/site.ts'
import { until } from '../../support/wait.ts'
import type { Attack, CloudAttack, DeviceAttack, EdgeAttack } from './attack.ts'
import { Field, idOf, Over } from './field.ts'
import { HonestClient, type HonestReport } from './honest.ts'
import { peakRssMb, SMALL_HEAP, storedAtEdge, storedAtReceiver } from './victim.ts'

/** The victim has acknowledged some readings before the attack begins. */
const WARM_READINGS = 10
/** What an edge has not delivered when an attacker begins to act as its receiver. */
const BACKLOG = 5_000
const RSS_EVERY_MS = 200
/** The honest client continues for this time, because the end of the attacker's connections is work, too. */
const AFTER_MS = 1_000
/** Limit for everything that the edge holds after the attack, with an honest receiver. */
const DRAIN_MS = 60_000

export interface Result {
  readonly attack: Attack
  /** From publish to acknowledgement of the honest client (ms). */
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** Peak resident memory (MB); undefined: not known on this system. */
  readonly rssMb: number | undefined
  /** Exit code of the victim; undefined: it was alive at the end. */
  readonly exit: number | undefined
  /** Readings that were acknowledged, and are gone. */
  readonly lost: number
  /** Readings that were not acknowledged in time; a device still has them. */
  readonly unanswered: number
  readonly harms: readonly string[]
  readonly remark: string
}

export function play(attack: Attack, seconds: number): Promise<Result> {
  if (attack.victim === 'edge') return playDevice(attack, seconds)
  return attack.victim === 'uplink' ? playCloud(attack, seconds) : playEdge(attack, seconds)
}

async function playDevice(attack: DeviceAttack, seconds: number): Promise<Result> {
  const edge = await SiteEdge.create({ ...attack.settings, log: { level: 'info' } })
  await edge.start(SMALL_HEAP)
  const honest = new HonestClient(edge.port, 'device')
  await edge.untilStored(WARM_READINGS)
  const field = new Field({ port: edge.port, seconds, victim: edge.process })
  const outcome = await attackOn(edge.process, { field, honest, run: () => attack.run(field, edge) })
  await endOf(edge.process, field)
  const stored = storedAtEdge(edge)
  return { attack, ...outcome, ...lossOf(outcome.report, stored), harms: field.harms, remark: field.remark }
}

async function playCloud(attack: CloudAttack, seconds: number): Promise<Result> {
  const cloud = await startMosquitto()
  const uplink = { url: cloud.url, ...QUICK_UPLINK, ...attack.uplink }
  const edge = await SiteEdge.create({ uplinks: [uplink], log: { level: 'info' } })
  await edge.start(SMALL_HEAP)
  const honest = new HonestClient(edge.port, 'device')
  await makeBacklog(edge)
  const field = new Field({ port: cloud.port, seconds, victim: edge.process })
  const outcome = await attackOn(edge.process, { field, honest, run: () => attack.run(field) })
  const receiver = new SiteReceiver(cloud.url)
  await receiver.start()
  if (outcome.exit !== undefined) await edge.start(SMALL_HEAP)
  await edge.untilDrained(DRAIN_MS).catch((failure) => field.harms.push(messageOf(failure)))
  await endOf(edge.process, field)
  const arrived = new Set([...field.delivered, ...storedAtReceiver(receiver)])
  return { attack, ...outcome, ...lossOf(outcome.report, arrived), harms: field.harms, remark: field.remark }
}

/** Readings of another device, because there is no receiver yet. */
async function makeBacklog(edge: SiteEdge): Promise<void> {
  const client = await RawClient.connect(edge.port, 'backlog')
  for (let n = 0; n < BACKLOG; n++) client.publish('telemetry/backlog/n', `${n}`, { qos: 1, messageId: idOf(n) })
  await edge.untilStored(BACKLOG + WARM_READINGS)
  client.destroy()
}

async function playEdge(attack: EdgeAttack, seconds: number): Promise<Result> {
  const cloud = await startMosquitto()
  const receiver = new SiteReceiver(cloud.url, { log: { level: 'info' } })
  await receiver.start(SMALL_HEAP)
  const honest = new HonestClient(cloud.port, 'edge')
  await until(() => receiver.count() >= WARM_READINGS, { what: 'the first readings arrive' })
  const field = new Field({ port: cloud.port, seconds, victim: receiver.process })
  const outcome = await attackOn(receiver.process, { field, honest, run: () => attack.run(field) })
  await endOf(receiver.process, field)
  const stored = storedAtReceiver(receiver)
  return { attack, ...outcome, ...lossOf(outcome.report, stored), harms: field.harms, remark: field.remark }
}

type Outcome = Pick<Result, 'p50' | 'p99' | 'max' | 'rssMb' | 'exit'> & { readonly report: HonestReport }

async function attackOn(
  victim: RunningProcess,
  { field, honest, run }: { field: Field; honest: HonestClient; run: () => Promise<void> },
): Promise<Outcome> {
  let rssMb = peakRssMb(victim)
  const timer = setInterval(() => {
    rssMb = peakRssMb(victim) ?? rssMb
  }, RSS_EVERY_MS)
  honest.begin()
  try {
    await run()
  } catch (failure) {
    if (!(failure instanceof Over) && !field.isOver) field.harms.push(messageOf(failure))
  }
  field.leave()
  await pause(AFTER_MS)
  const report = await honest.finish()
  clearInterval(timer)
  rssMb = peakRssMb(victim) ?? rssMb
  const exit = victim.ended ? await victim.exit : undefined
  return { ...quantiles(report.latenciesMs), rssMb, exit, report }
}

function quantiles(latenciesMs: readonly number[]): { p50: number; p99: number; max: number } {
  const sorted = latenciesMs.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}

function lossOf(
  { acknowledged, unanswered }: HonestReport,
  stored: ReadonlySet<number>,
): Pick<Result, 'lost' | 'unanswered'> {
  return { lost: acknowledged.filter((value) => !stored.has(value)).length, unanswered: unanswered.length }
}

async function endOf(victim: RunningProcess, field: Field): Promise<void> {
  await victim.stop().catch(() => field.harms.push('it does not stop when it is asked to'))
}
