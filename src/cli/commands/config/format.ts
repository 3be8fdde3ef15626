import { oneLine } from '../../../base/text/one-line.ts'
import type { EdgeState } from '../../../config/edge/state.ts'
import { formatRev, type Rev } from '../../../config/revision.ts'
import type { OpenConflict, WaitingMessage } from '../../../store/config/config-reader.ts'
import { textTable } from '../../table.ts'
import { cellOf } from './values.ts'

const REASON_CHARS_MAX = 200

/** Everything that the edge knows about the config of a device. */
export interface ConfigView {
  readonly state: EdgeState
  readonly waiting: readonly WaitingMessage[]
  /** Number of orders that wait for the edge. */
  readonly ordered: number
}

/** A device's config as JSON: revisions as text, times in ISO 8601. */
export function plainConfig({ state, waiting, ordered }: ConfigView): Record<string, unknown> {
  const { device, cur, base, applied, conflict } = state
  const { status, attempts, code, message, confirmed } = applied
  return {
    device,
    rev: revText(cur?.rev),
    hash: cur?.hash ?? null,
    by: cur?.by ?? null,
    deleted: cur !== null && cur.config === null,
    config: cur?.config ?? null,
    applied: { status, attempts, code, message, confirmed: revText(confirmed?.rev) },
    shared: revText(base?.rev),
    waiting: waiting.map(({ due, ...row }) => ({ ...row, due: new Date(due).toISOString() })),
    ordered,
    conflict: conflict === null ? null : plainConflict({ device, ...conflict }),
  }
}

export function configText({ state, waiting, ordered }: ConfigView): string {
  const { device, cur, base, applied, conflict } = state
  const { status, code, message } = applied
  const answer = code === null ? '' : ` (${code}${message ? `: ${oneLine(message, REASON_CHARS_MAX)}` : ''})`
  const stuck = waiting.find(({ attention }) => attention)
  const lines = [
    `device     ${device}`,
    `revision   ${cur === null ? 'none' : `${formatRev(cur.rev)}, by ${oneLine(cur.by, REASON_CHARS_MAX)}`}`,
    ...(cur === null ? [] : [`hash       ${cur.hash}`]),
    `device is  ${status}${answer}`,
    `cloud has  ${base === null ? 'no revision yet' : formatRev(base.rev)}`,
    ...(waiting.length === 0
      ? []
      : [`waiting    ${waiting.map(({ what }) => what).join(', ')}, to be sent to the cloud`]),
    ...(stuck === undefined
      ? []
      : [`attention  ${oneLine(stuck.reason, REASON_CHARS_MAX)}; after fixing it: tidegate config retry`]),
    ...(conflict === null ? [] : [`conflict   ${conflict.record.cid}; for details: tidegate config conflicts`]),
    ...(ordered === 0 ? [] : [`ordered    ${ordered} ${ordered === 1 ? 'edit waits' : 'edits wait'} for the edge`]),
  ]
  return [...lines, '', cur === null ? '(no config)' : configOf(cur.config)].join('\n')
}

function configOf(config: unknown): string {
  return config === null ? '(deleted)' : JSON.stringify(config, null, 2)
}

/** A conflict as JSON: the record that is also sent to the cloud, and the cloud's config. */
export function plainConflict({ device, record, remote, overdue }: OpenConflict): Record<string, unknown> {
  return {
    device,
    ...record,
    ancestor: revText(record.ancestor),
    edge: formatRev(record.edge),
    cloud: formatRev(record.cloud),
    running: revText(record.running?.rev),
    opened: new Date(record.opened).toISOString(),
    deadline: new Date(record.deadline).toISOString(),
    overdue,
    cloudBy: remote.by,
    cloudConfig: remote.config,
  }
}

export function conflictText({ device, record, remote, overdue }: OpenConflict): string {
  const { cid, kind, ancestor, edge, cloud, paths, truncated, problems, running, opened, deadline } = record
  const rows = paths.map(({ path, ...sides }) => {
    return [
      oneLine(path === '' ? '(whole config)' : path, 60),
      cellOf(sides.base),
      cellOf(sides.edge),
      cellOf(sides.cloud),
    ]
  })
  return [
    `${device}: conflict ${cid} (${kind}), open since ${new Date(opened).toISOString()}`,
    `  edge ${formatRev(edge)}, cloud ${formatRev(cloud)} by ${oneLine(remote.by, 100)}, ancestor ${revText(ancestor) ?? 'unknown'}`,
    `  the device keeps running ${running === null ? 'no config' : formatRev(running.rev)}`,
    `  ${overdue ? 'overdue since' : 'decide before'} ${new Date(deadline).toISOString()}`,
    ...problems.map((problem) => `  problem: ${oneLine(problem, REASON_CHARS_MAX)}`),
    ...(rows.length === 0 ? [] : ['', textTable(['path', 'base', 'edge', 'cloud'], rows)]),
    ...(truncated ? ['… and more paths: --json shows both configs in full'] : []),
    '',
    `  decide: tidegate config resolve ${device} ${cid} --take edge|cloud|FILE`,
  ].join('\n')
}

function revText(rev: Rev | null | undefined): string | null {
  return rev === null || rev === undefined ? null : formatRev(rev)
}
