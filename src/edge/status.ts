import { oneLine } from '../base/text/one-line.ts'
import type { BrokerStats } from '../broker/broker.ts'
import type { StoreSettings } from '../settings/edge.ts'
import type { BackupStatus } from '../store/backup/backup-schedule.ts'
import type { LatencySummary } from '../store-thread/latency.ts'
import type { StoreStatus } from '../store-thread/protocol.ts'
import type { UplinkStats } from '../uplink/dependencies.ts'
import type { DownLinkStats } from '../uplink/down/receiving.ts'
import type { WebStats } from '../web/guard.ts'
import { catalogProblems, NEARLY_FULL } from './catalog-problems.ts'
import { latencyProblems } from './slow-disk.ts'
import { forwardProblems, isSilent, uplinkProblems } from './uplink-problems.ts'

/** State of an edge and of all its parts. */
export interface EdgeStatus {
  readonly [key: string]: unknown
  readonly edge: string
  readonly version: string
  /** UTC ms. */
  readonly at: number
  readonly upMs: number
  readonly healthy: boolean
  /** What a person should act on; empty when the edge is healthy. */
  readonly problems: readonly string[]
  readonly broker: BrokerStats
  /** Undefined: the HTTP server is off. */
  readonly web: WebStats | undefined
  readonly store: StoreStatus & {
    readonly pendingBytes: number
    readonly refusedBecause: string | undefined
    /** Times from the arrival of a publish to its acknowledgement. */
    readonly acks: LatencySummary
  }
  readonly uplinks: readonly UplinkStats[]
  /** The connections that receive messages for local clients (`direction: down`). */
  readonly down: readonly DownLinkStats[]
  /** Undefined: scheduled backups are off. */
  readonly backup: BackupStatus | undefined
}

/**
 * While nothing leaves, space for fewer hours than this at the current rate is a problem: the site may need a visit.
 */
export const HOURS_LEFT_MIN = 24

const WHEN_FULL: Readonly<Record<StoreSettings['whenFull'], string>> = {
  refuse: 'after that readings are not acknowledged, and devices keep them',
  thin: 'after that the backlog is thinned',
  'drop-oldest': 'after that the oldest readings are dropped',
}

/** Length of a name from outside, of a reason, and of a whole problem. A problem ends with what to do. */
const NAME_CHARS_MAX = 60
const REASON_CHARS_MAX = 300
const PROBLEM_CHARS_MAX = 1_000

/** A problem as health and status show it, also to the cloud: it may contain texts of devices and brokers. */
export function shownProblem(problem: string): string {
  return oneLine(problem, PROBLEM_CHARS_MAX)
}

/** Problems that keep configs from reaching the cloud or the devices. */
function configProblems({
  configs,
  uplinks,
}: Pick<Parameters<typeof findProblems>[0], 'configs' | 'uplinks'>): string[] {
  const refused = (configs?.attention ?? [])
    .slice(0, 3)
    .map((name) => oneLine(name, NAME_CHARS_MAX))
    .join(', ')
  const { bytes = 0, bytesMax = Infinity } = configs ?? {}
  return [
    ...uplinks.flatMap(({ name, configProblem }) =>
      configProblem ? [`uplink ${name}: ${oneLine(configProblem, REASON_CHARS_MAX)}`] : [],
    ),
    ...(bytes < bytesMax * NEARLY_FULL
      ? []
      : [`configs of devices take ${bytes} of ${bytesMax} bytes: new ones are refused, raise config.bytesMax`]),
    ...(refused === ''
      ? []
      : [`the cloud broker refuses configs of ${refused}: fix the cause, then run \`tidegate config retry DEVICE\``]),
  ]
}

/** Rejects that were removed for readings are a problem for this long (ms). */
const REMOVED_MS = 3_600_000

function rejectProblems({ rejects }: { readonly rejects?: StoreStatus['rejects'] }): string[] {
  const { removedForRoom = 0, lastRemovedMs = Infinity } = rejects ?? {}
  if (lastRemovedMs > REMOVED_MS) return []
  return [
    `${removedForRoom} messages that could not be decoded were removed to make room for readings: find their sender with ` +
      '`tidegate rejects list`, or make room (`store.maxBytes`)',
  ]
}

/** Derives the problems from the state of the parts. Pure: the same facts give the same problems. */
export function findProblems(facts: {
  readonly refusedBecause: string | undefined
  readonly backlogs: StoreStatus['backlogs']
  readonly forwards?: StoreStatus['forwards']
  readonly configs?: Pick<StoreStatus['configs'], 'attention'> &
    Partial<Pick<StoreStatus['configs'], 'bytes' | 'bytesMax'>>
  readonly series?: StoreStatus['series']
  readonly catalog?: StoreStatus['catalog']
  readonly latency?: Parameters<typeof latencyProblems>[0]
  readonly rejects?: StoreStatus['rejects']
  readonly damage: StoreStatus['damage']
  readonly wal?: StoreStatus['wal']
  readonly backup: Pick<BackupStatus, 'folder' | 'lastFailure'> | undefined
  readonly uplinks: readonly UplinkStats[]
  readonly upMs: number
  readonly space: { readonly hoursLeft: number | undefined; readonly whenFull: StoreSettings['whenFull'] }
}): string[] {
  const problems: string[] = []
  if (facts.refusedBecause !== undefined) {
    problems.push(`readings cannot be stored and are not acknowledged: ${facts.refusedBecause}`)
  }
  if (facts.damage.now !== undefined) {
    problems.push(`the database is damaged (${facts.damage.now}): restart the edge, it salvages the readable data`)
  }
  for (const past of facts.damage.past)
    problems.push(`${past} (to acknowledge it, run \`tidegate check --acknowledge\`)`)
  if (facts.backup?.lastFailure !== undefined) {
    problems.push(`the last backup to ${facts.backup.folder} failed: ${facts.backup.lastFailure}`)
  }
  if (facts.wal?.held) {
    problems.push(
      `the WAL of the store has ${Math.round(facts.wal.bytes / 1_048_576)} MiB and cannot shrink: a program that reads ` +
        'tidegate.db keeps a transaction open (a backup, an export, `sqlite3`); end it (`fuser -v tidegate.db`)',
    )
  }
  if (facts.latency !== undefined) problems.push(...latencyProblems(facts.latency))
  problems.push(
    ...catalogProblems(facts),
    ...rejectProblems(facts),
    ...forwardProblems(facts),
    ...configProblems(facts),
  )
  problems.push(...facts.uplinks.flatMap((uplink) => uplinkProblems(uplink, facts)))
  const { hoursLeft = Infinity, whenFull } = facts.space
  const silent = facts.uplinks.some((uplink) => isSilent(uplink, facts))
  if (silent && hoursLeft < HOURS_LEFT_MIN) {
    problems.push(`the store has space for ${hoursLeft.toFixed(1)} hours at the current rate; ${WHEN_FULL[whenFull]}`)
  }
  return problems
}
