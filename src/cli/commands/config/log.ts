import type { Change } from '../../../config/changes.ts'
import { formatRev } from '../../../config/revision.ts'
import type { KeptRevision } from '../../../store/config/config-reader.ts'
import { oneLine, textTable } from '../../table.ts'
import { cellOf } from './values.ts'

const NAME_CHARS_MAX = 40

/** What was of a device's config; both the newest first. */
export interface Past {
  readonly revisions: readonly KeptRevision[]
  readonly changes: readonly Change[]
}

/** Revisions as text, times in ISO 8601. Values that are missing in a change are absent: null is a value. */
export function plainPast({ revisions, changes }: Past): Record<string, unknown> {
  return {
    revisions: revisions.map(({ at, revision: { rev, base, ...rest } }) => {
      return { rev: formatRev(rev), at: new Date(at).toISOString(), base: base && formatRev(base), ...rest }
    }),
    changes: changes.map(({ device: _device, ...change }) => {
      return { ...change, at: new Date(change.at).toISOString(), rev: formatRev(change.rev) }
    }),
  }
}

export function pastText({ revisions, changes }: Past): string {
  const kept = revisions.map(({ at, revision: { rev, by, config } }) => {
    const bytes = config === null ? 'deleted' : `${Buffer.byteLength(JSON.stringify(config))} bytes`
    return [formatRev(rev), new Date(at).toISOString(), oneLine(by, NAME_CHARS_MAX), bytes]
  })
  const changed = changes.map((change) => [
    new Date(change.at).toISOString(),
    formatRev(change.rev),
    oneLine(change.path === '' ? '(all of it)' : change.path, NAME_CHARS_MAX),
    ...(change.loser === undefined ? [cellOf(change.old), cellOf(change.new), ''] : lossCells(change)),
    oneLine(change.by, NAME_CHARS_MAX),
    oneLine(change.why, NAME_CHARS_MAX),
  ])
  const head = ['at (UTC)', 'revision', 'path', 'old', 'new', 'lost', 'by', 'why']
  return [
    textTable(['kept revision', 'in force since (UTC)', 'by', 'config'], kept),
    '',
    changed.length === 0 ? 'no changes are logged' : textTable(head, changed),
  ].join('\n')
}

/** Of a value that met another one and lost: nothing was replaced, so there is no old one. */
function lossCells(change: Change): string[] {
  return ['', cellOf(change.new), `${change.loser}: ${cellOf(change.lost)}`]
}
