import { durationText } from '../../../base/time-text.ts'
import type { EdgeStatus } from '../../../edge/status.ts'
import type { StoreSummary } from '../../../store/reader.ts'
import { countText, sizeText } from '../../progress-bar.ts'

/** Members that may be missing: the edge may run another version. Times are ISO 8601, or UTC ms in version 0.1.0. */
type Answered<T> = T extends number
  ? number | string
  : T extends string | boolean | undefined
    ? T
    : T extends readonly (infer Item)[]
      ? readonly Answered<Item>[]
      : { readonly [Name in keyof T]?: Answered<T[Name]> }

type Shown = 'version' | 'at' | 'upMs' | 'problems' | 'broker' | 'store' | 'uplinks' | 'down' | 'backup'

/** `/api/status` of a running edge. */
export type AnsweredStatus = Pick<EdgeStatus, 'edge' | 'healthy'> & {
  readonly [Name in Shown]?: Answered<EdgeStatus[Name]>
}

type Store = NonNullable<AnsweredStatus['store']>
type UplinkStatus = NonNullable<AnsweredStatus['uplinks']>[number]

type DownLink = NonNullable<AnsweredStatus['down']>[number]

/** The status of a running edge for people: what is wrong first, then one line for each subject. */
export function statusText(status: AnsweredStatus): string {
  const {
    edge,
    healthy,
    version = '?',
    at,
    upMs,
    problems = [],
    broker = {},
    store = {},
    uplinks = [],
    down = [],
    backup,
  } = status
  const head = `edge ${edge} is ${healthy ? 'healthy' : 'not healthy'} (Tidegate ${version}, up ${duration(upMs)}, now ${timeOf(at)})`
  const lines: [string, string][] = [
    ['devices', devicesText(broker)],
    ['readings', readingsText(store)],
    ...uplinks.map((uplink): [string, string] => [`uplink ${uplink.name}`, uplinkText(uplink, store, at)]),
    ...down.map((link): [string, string] => [`down ${link.uplink}`, downText(link, store, at)]),
    ['store', storeText(store)],
    ['commits', `${latencyText(store.commits)}; acknowledgements: ${latencyText(store.acks)}`],
    ['configs', `${figure(store.configs?.devices)} devices, ${figure(store.configs?.conflicts)} conflicts`],
    ['clock', clockText(store.clock)],
    ...(backup === undefined ? [] : [['backup', backupText(backup, at)] as [string, string]]),
  ]
  const width = Math.max(...lines.map(([name]) => name.length))
  return [
    head,
    ...problems.map((problem) => `problem: ${problem}`),
    ...lines.map(([name, text]) => `${name.padEnd(width)}  ${text}`),
  ].join('\n')
}

/** What the store of a stopped edge holds. */
export function summaryText({ epoch, lastSeq, devices, series, rejects, unrouted, backlogs }: StoreSummary): string {
  return [
    `store: ${countText(lastSeq)} readings so far, of ${countText(devices)} devices and ${countText(series)} series; ${countText(rejects)} rejects, ${countText(unrouted)} messages without a route (epoch ${epoch})`,
    ...backlogs.map(
      ({ uplink, waiting, confirmed }) =>
        `uplink ${uplink}: ${countText(waiting)} readings wait, ${countText(confirmed)} confirmed`,
    ),
  ].join('\n')
}

function devicesText({ connections, unrouted, refused }: NonNullable<AnsweredStatus['broker']>): string {
  return list(
    `${figure(connections)} connected`,
    counted(unrouted?.count, 'messages without a route'),
    counted(refused, 'connections refused'),
  )
}

function readingsText({ readings, quality, rejected, partial, duplicates, pendingBytes }: Store): string {
  return list(
    `${figure(readings)} stored since the start (${figure(quality?.good)} good, ${figure(quality?.uncertain)} uncertain, ${figure(quality?.bad)} bad)`,
    counted(rejected, 'messages not understood'),
    counted(partial, 'fields not understood'),
    counted(duplicates, 'duplicates'),
    Number(pendingBytes ?? 0) > 0 ? `${size(pendingBytes)} not on disk yet` : '',
  )
}

function uplinkText(uplink: UplinkStatus, { backlogs = [], forwards }: Store, at: unknown): string {
  const backlog = backlogs.find((one) => one.uplink === uplink.name)
  const messages = forwards?.uplinks?.find((one) => one.uplink === uplink.name)
  const { connected, paused, protocolVersion, lastFailure, failures, lastConfirmedMs, spent } = uplink
  const version = protocolVersion === undefined ? '' : ` (MQTT ${Number(protocolVersion) === 5 ? '5' : '3.1.1'})`
  const why = lastFailure === undefined ? '' : `: ${lastFailure} (failure ${figure(failures)} in a row)`
  return list(
    paused === undefined ? '' : `paused since ${timeOf(paused.at)}`,
    connected === true ? `connected${version}` : `not connected${why}`,
    backlog === undefined ? '' : `${figure(backlog.waiting)} readings wait${oldestText(backlog.oldestAt, at)}`,
    backlog === undefined ? '' : `${figure(backlog.confirmed)} confirmed`,
    counted(backlog?.parked, 'readings parked'),
    counted(messages?.waiting, 'messages to forward'),
    lastConfirmedMs === undefined ? 'no answer since the start' : `last answer ${duration(lastConfirmedMs)} ago`,
    spent === undefined ? '' : `today ${size(spent.dayBytes)}, this month ${size(spent.monthBytes)}`,
  )
}

function downText(
  { connected, lastFailure, fullMs, refused, retainedIgnored }: DownLink,
  { down }: Store,
  at: unknown,
): string {
  const why = lastFailure === undefined ? '' : `: ${lastFailure}`
  const state = fullMs !== undefined ? 'waits for room' : connected === true ? 'connected' : `not connected${why}`
  return list(
    state,
    `${figure(down?.delivered)} messages from the cloud delivered`,
    `${figure(down?.waiting)} wait${oldestText(down?.oldestAt, at)}`,
    counted(down?.expired, 'expired'),
    counted(refused, 'refused'),
    counted(retainedIgnored, 'retained ones ignored'),
  )
}

function oldestText(oldestAt: unknown, at: unknown): string {
  const ageMs = ms(at) - ms(oldestAt)
  return oldestAt === undefined || Number.isNaN(ageMs) ? '' : `, the oldest for ${durationText(Math.max(0, ageMs))}`
}

function storeText({ series, devices, space = {} }: Store): string {
  const { usedBytes, roomBytes, hoursLeft, level } = space
  return list(
    `${figure(devices)} devices, ${figure(series)} series`,
    `${size(usedBytes)} used`,
    `room for ${size(roomBytes)} more`,
    hoursLeft === undefined ? '' : `full in ${duration(Number(hoursLeft) * 3_600_000)} if nothing is confirmed`,
    level === undefined || level === 'ample' ? '' : `space: ${level}`,
  )
}

function latencyText(latency: Store['commits']): string {
  if (latency === undefined || !latency.count) return 'none in the last minute'
  return `half within ${duration(latency.p50Ms)}, 99 % within ${duration(latency.p99Ms)}`
}

function clockText({ trusted, confirmed, systemAheadMs = 0, holdsRemoval }: NonNullable<Store['clock']> = {}): string {
  const aheadMs = Number(systemAheadMs)
  return list(
    trusted === false ? 'not trusted' : confirmed === true ? 'confirmed' : 'not confirmed by NTP or a receiver',
    Math.abs(aheadMs) < 1_000
      ? ''
      : `the system clock is ${durationText(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} the store clock`,
    holdsRemoval === true ? 'nothing is removed by age' : '',
  )
}

function backupText(
  { lastAt, lastBytes, everyHours, folder }: NonNullable<AnsweredStatus['backup']>,
  at: unknown,
): string {
  const last =
    lastAt === undefined
      ? 'none yet'
      : `the last ${durationText(Math.max(0, ms(at) - ms(lastAt)))} ago (${size(lastBytes)})`
  return `${last}, every ${duration(Number(everyHours) * 3_600_000)} to ${folder}`
}

/** The parts that are not empty. */
function list(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(', ')
}

/** Empty for zero: a line for people names only what happened. */
function counted(count: unknown, what: string): string {
  return Number(count ?? 0) === 0 ? '' : `${figure(count)} ${what}`
}

function figure(count: unknown): string {
  return shown(count, countText)
}

function size(bytes: unknown): string {
  return shown(bytes, sizeText)
}

function duration(lengthMs: unknown): string {
  return shown(lengthMs, durationText)
}

function shown(value: unknown, text: (value: number) => string): string {
  return Number.isFinite(Number(value)) ? text(Number(value)) : '?'
}

/** UTC ms of a time of the answer; NaN: it is missing. */
function ms(time: unknown): number {
  return typeof time === 'string' || typeof time === 'number' ? new Date(time).getTime() : Number.NaN
}

function timeOf(time: unknown): string {
  return Number.isNaN(ms(time)) ? '?' : new Date(ms(time)).toISOString()
}
