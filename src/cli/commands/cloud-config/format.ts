import { timeText } from '../../../base/reading-text.ts'
import { oneLine } from '../../../base/text/one-line.ts'
import type { ConflictRecord } from '../../../config/conflict.ts'
import { parseHlc } from '../../../config/hlc.ts'
import { formatRev, type Revision } from '../../../config/revision.ts'
import type { DeviceRecord } from '../../../receiver/config/config-store.ts'
import { standingOf } from '../../../receiver/config/standing.ts'

const NAME_CHARS_MAX = 40
const VALUE_CHARS_MAX = 60
const TEXT_CHARS_MAX = 200
/** The latest time that a Date can hold, UTC milliseconds. */
const TIME_MAX = 8_640_000_000_000_000

/** A device with its config, as text. */
export function deviceRecordText(record: DeviceRecord): string {
  const { edge, device, state, head, reported, conflict, counts } = record
  const { cur } = state
  const counters = Object.entries(counts).map(([name, count]) => `${count} ${name}`)
  return [
    `${edge}/${device}: ${standingOf(record)}`,
    `revision   ${revisionText(cur)}`,
    ...(head === null ? [] : [`edge has   ${revisionText(head)}`]),
    ...(reported === null ? [] : [`device     ${reportedText(reported)}`]),
    ...(conflict === null ? [] : conflictLines(conflict)),
    ...(counters.length === 0 ? [] : [`counters   ${counters.join(', ')}`]),
    '',
    cur === null ? 'no config' : cur.config === null ? 'deleted' : JSON.stringify(cur.config, null, 2),
  ].join('\n')
}

function revisionText(revision: Revision | null): string {
  if (revision === null) return 'none'
  const { rev, by, config } = revision
  const edited = `by ${oneLine(by, NAME_CHARS_MAX)}, edited ${editedText(revision)}`
  return `${formatRev(rev)} ${edited}${config === null ? ', deleted' : ''}`
}

/** When the newest edit in the revision was made, by the clock of its author's side; empty if not known. */
export function editedText({ hlc }: Revision): string {
  const { ms } = parseHlc(hlc) ?? {}
  return ms === undefined || ms > TIME_MAX ? '' : timeText(ms)
}

function reportedText({ rev, status, code, message }: NonNullable<DeviceRecord['reported']>): string {
  const detail = message ? `: ${oneLine(message, TEXT_CHARS_MAX)}` : ''
  return `${status} at ${formatRev(rev)}${code === null ? '' : `, answered ${code}`}${detail}`
}

export function conflictLines(conflict: ConflictRecord): string[] {
  const { cid, kind, status, paths, truncated, problems, opened } = conflict
  const value = (one: unknown): string =>
    one === undefined ? 'nothing' : oneLine(JSON.stringify(one), VALUE_CHARS_MAX)
  const since = opened > TIME_MAX ? '' : `, since ${timeText(opened)}`
  return [
    `conflict   ${cid} (${kind}, ${status})${since}`,
    ...paths.map(({ path, base, edge, cloud }) => {
      const place = path === '' ? '(whole config)' : oneLine(path, TEXT_CHARS_MAX)
      return `           ${place}: edge ${value(edge)}, cloud ${value(cloud)}, before ${value(base)}`
    }),
    ...(truncated ? ['           and more paths, which the edge did not list'] : []),
    ...problems.map((problem) => `           ${oneLine(problem, TEXT_CHARS_MAX)}`),
  ]
}

/** A device as JSON; revisions by their names. */
export function plainDeviceRecord(record: DeviceRecord): Record<string, unknown> {
  const { edge, device, state, head, reported, conflict, counts } = record
  const confirmed = reported?.confirmed
  return {
    edge,
    device,
    standing: standingOf(record),
    ...plainRevision(state.cur),
    head: head && plainRevision(head),
    reported: reported && {
      ...reported,
      rev: formatRev(reported.rev),
      confirmed: confirmed ? { ...confirmed, rev: formatRev(confirmed.rev) } : null,
    },
    conflict: conflict && { ...conflict, edge: formatRev(conflict.edge), cloud: formatRev(conflict.cloud) },
    counts,
  }
}

export function plainRevision(revision: Revision | null): Record<string, unknown> {
  if (revision === null) return { rev: null, config: null }
  const { rev, base, hash, config, by, resolves } = revision
  return {
    rev: formatRev(rev),
    base: base && formatRev(base),
    hash,
    deleted: config === null,
    by,
    edited: editedText(revision),
    ...(resolves !== undefined && { resolves }),
    config,
  }
}
