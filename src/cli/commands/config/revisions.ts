import { OperatorError } from '../../../base/errors.ts'
import type { EdgeState } from '../../../config/edge/state.ts'
import { formatRev, type Revision, sameRev } from '../../../config/revision.ts'
import type { StoredRevision } from '../../../store/config/config-reader.ts'

/** The revisions of a device that can still be read in full. */
export interface KnownRevisions {
  readonly state: EdgeState
  /** Newest first. */
  readonly kept: readonly StoredRevision[]
}

/** Finds a revision: kept, in force, at the cloud, or part of the open conflict. @throws OperatorError if it is not kept */
export function findRevision({ state, kept }: KnownRevisions, text: string): Revision {
  const { cur, base, ring, conflict } = state
  const others = [cur, base, ...ring, conflict?.remote, conflict?.ancestor]
  const all = [...kept.map(({ revision }) => revision), ...others].filter((one) => one !== null && one !== undefined)
  const found = all.find(({ rev }) => formatRev(rev) === text)
  if (found !== undefined) return found
  throw new OperatorError(`revision "${text}" of device "${state.device}" is not kept`, {
    remedy: '`tidegate config history` lists the kept revisions, at most 20 per device',
  })
}

/** The revision that was in force before the present one. @throws OperatorError if it is not known */
export function revisionBefore({ state, kept }: KnownRevisions): Revision {
  const before = kept.find(({ revision }) => !sameRev(revision.rev, state.cur?.rev))
  if (before !== undefined) return before.revision
  throw new OperatorError(`there is only one revision of the config of device "${state.device}"`, {
    remedy: '`tidegate config show` prints it',
  })
}

/** The revision in force. @throws OperatorError if the device never had a config */
export function currentOf({ device, cur }: EdgeState): Revision {
  if (cur !== null) return cur
  throw new OperatorError(`device "${device}" never had a config`, {
    remedy:
      'write one with `tidegate config set`; `tidegate config conflicts` shows whether a config of the cloud waits for a decision',
  })
}
