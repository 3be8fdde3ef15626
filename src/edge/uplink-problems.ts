import { oneLine } from '../base/text/one-line.ts'
import type { StoreStatus } from '../store-thread/protocol.ts'
import type { UplinkStats } from '../uplink/dependencies.ts'

/**
 * While readings wait, an uplink that gets no answer for this long (ms) is a problem: a shorter absence of the cloud is
 * normal. An uplink that had no answer since the start may have wrong settings, and is reported sooner.
 */
export const SILENT_MS_MAX = 120_000
const SILENT_AT_START_MS_MAX = 10_000
const REASON_CHARS_MAX = 600

interface Facts {
  readonly backlogs: StoreStatus['backlogs']
  readonly upMs: number
}

/** Whether readings wait, and the uplink has had no answer for too long. */
export function isSilent(uplink: UplinkStats, facts: Facts): boolean {
  if (uplink.paused !== undefined) return false
  const waiting = backlogOf(uplink, facts)?.waiting ?? 0
  return waiting > 0 && silentMs(uplink, facts) > silentMsMax(uplink)
}

function backlogOf({ name }: UplinkStats, { backlogs }: Facts): StoreStatus['backlogs'][number] | undefined {
  return backlogs.find(({ uplink }) => uplink === name)
}

function silentMs({ silentMs, lastConfirmedMs }: UplinkStats, { upMs }: Facts): number {
  return silentMs ?? lastConfirmedMs ?? upMs
}

/** Without a connection, or with a message that waits for its answer, the first answer is due soon. */
function silentMsMax({ connected, silentMs, lastConfirmedMs }: UplinkStats): number {
  const isFirst = lastConfirmedMs === undefined && (!connected || silentMs !== undefined)
  return isFirst ? SILENT_AT_START_MS_MAX : SILENT_MS_MAX
}

/** Problems of one uplink with readings. */
export function uplinkProblems(uplink: UplinkStats, facts: Facts): string[] {
  const problems: string[] = []
  const { waiting = 0, parked = 0, held = 0 } = backlogOf(uplink, facts) ?? {}
  const of = `uplink ${uplink.name}`
  if (uplink.paused !== undefined) {
    problems.push(
      `${of}: paused, because another edge sends as "${uplink.paused.edge}" and was there first; readings are stored and wait. ` +
        'Stop the other one and run `tidegate uplink resume`, or give this edge a name of its own (`edge`) and start it ' +
        'once with `--adopt`',
    )
  }
  if (isSilent(uplink, facts)) {
    const seconds = Math.round(silentMs(uplink, facts) / 1_000)
    const why = oneLine(whyOf(uplink), REASON_CHARS_MAX)
    problems.push(`${of}: ${waiting} readings wait, no answer for ${seconds} s: ${why}`)
  }
  if (parked > 0) problems.push(`${of}: ${parked} readings were refused and are parked (\`tidegate rejects list\`)`)
  if (uplink.sameId !== undefined) {
    problems.push(
      `${of}: another client ${uplink.sameId} the client id of this edge, and each ends the connection of ` +
        'the other: is there a copy of this edge? Give each edge a name of its own (`edge`), or another `clientId`',
    )
  }
  if (held > 0) {
    problems.push(
      `${of}: ${held} more are held back because the receiver refuses them: replay or drop the parked ones when the ` +
        'cause is gone',
    )
  }
  const others = [...(uplink.oddities ?? []), uplink.holds, uplink.statusProblem]
  return [...problems, ...others.filter((one) => one !== undefined).map((one) => `${of}: ${one}`)]
}

function whyOf({ connected, silence, lastFailure }: UplinkStats): string {
  if (connected) return silence ?? 'connected, but nothing is confirmed yet'
  return lastFailure ?? 'the connection is being made'
}

/** Problems with messages of forward routes. */
export function forwardProblems({
  forwards,
  uplinks,
  upMs,
}: {
  readonly forwards?: StoreStatus['forwards']
  readonly configs?: Pick<StoreStatus['configs'], 'attention'>
  readonly uplinks: readonly UplinkStats[]
  readonly upMs: number
}): string[] {
  if (forwards === undefined) return []
  const problems: string[] = []
  if (forwards.full) {
    const { bytes, bytesMax, refused } = forwards
    problems.push(
      `messages to forward take ${bytes} of ${bytesMax} bytes: new ones are not acknowledged (${refused} so far)`,
    )
  }
  for (const { uplink, waiting, parked, refusedBecause } of forwards.uplinks) {
    const silentMs = uplinks.find(({ name }) => name === uplink)?.lastConfirmedMs ?? upMs
    if (waiting > 0 && refusedBecause !== undefined) {
      problems.push(
        `uplink ${uplink}: the cloud broker refuses messages, ${waiting} wait: ${oneLine(refusedBecause, REASON_CHARS_MAX)}`,
      )
    } else if (waiting > 0 && silentMs > SILENT_MS_MAX) {
      problems.push(`uplink ${uplink}: ${waiting} messages wait, no answer for ${Math.round(silentMs / 1_000)} s`)
    }
    if (parked > 0) problems.push(`uplink ${uplink}: ${parked} messages are parked (\`tidegate rejects list\`)`)
  }
  return problems
}
