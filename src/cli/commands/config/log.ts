import { oneLine } from '../../../base/text/one-line.ts'
import type { Change } from '../../../config/changes.ts'
import { formatRev } from '../../../config/revision.ts'
import type { StoredRevision } from '../../../store/config/config-reader.ts'
import { textTable } from '../../table.ts'
import { cellOf } from './values.ts'

const NAME_CHARS_MAX = 40

/** The history of a device's config, newest first. */
export interface ConfigHistory {
  readonly revisions: readonly StoredRevision[]
  readonly changes: readonly Change[]
}

/** As JSON: revisions as text, times in ISO 8601. A value that a change does not have is absent, because null is a value. */
export function plainConfigHistory({ revisions, changes }: ConfigHistory): Record<string, unknown> {
  return {
    revisions: revisions.map(({ at, revision: { rev, base, ...rest } }) => {
      return { rev: formatRev(rev), at: new Date(at).toISOString(), base: base && formatRev(base), ...rest }
    }),
    changes: changes.map(({ device: _device, ...change }) => {
      return { ...change, at: new Date(change.at).toISOString(), rev: formatRev(change.rev) }
    }),
  }
}

export function configHistoryText({ revisions, changes }: ConfigHistory): string {
  const kept = revisions.map(({ at, revision: { rev, by, config } }) => {
    const bytes = config === null ? 'deleted' : `${Buffer.byteLength(JSON.stringify(config))} bytes`
    return [formatRev(rev), new Date(at).toISOString(), oneLine(by, NAME_CHARS_MAX), bytes]
  })
  const changed = changes.map((change) => [
    new Date(change.at).toISOString(),
    formatRev(change.rev),
    oneLine(change.path === '' ? '(whole config)' : change.path, NAME_CHARS_MAX),
    ...(change.loser === undefined ? [cellOf(change.old), cellOf(change.new), ''] : lossCells(change)),
    oneLine(change.by, NAME_CHARS_MAX),
    oneLine(change.why, NAME_CHARS_MAX),
  ])
  const head = ['at (UTC)', 'revision', 'path', 'old', 'new', 'lost', 'by', 'why']
  return [
    textTable(['kept revision', 'in force since (UTC)', 'by', 'config'], kept),
    '',
    changed.length === 0 ? 'the change log has no entries for this device' : textTable(head, changed),
  ].join('\n')
}

/** Cells for a value that lost a merge: it replaced nothing, so there is no old value. */
function lossCells(change: Change): string[] {
  return ['', cellOf(change.new), `${change.loser}: ${cellOf(change.lost)}`]
}
