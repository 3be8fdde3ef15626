import { OperatorError } from '../../../base/errors.ts'
import type { EdgeState } from '../../../config/edge/state.ts'
import { formatRev, type Revision, sameRev } from '../../../config/revision.ts'
import type { KeptRevision } from '../../../store/config/config-reader.ts'

/** Revisions of a device that can still be read whole. */
export interface Known {
  readonly state: EdgeState
  /** The newest first. */
  readonly kept: readonly KeptRevision[]
}

/** The revision of that name: one that was in force, that the cloud has, or that waits in a conflict. @throws OperatorError */
export function findRevision({ state, kept }: Known, text: string): Revision {
  const { cur, base, ring, conflict } = state
  const others = [cur, base, ...ring, conflict?.remote, conflict?.ancestor]
  const all = [...kept.map(({ revision }) => revision), ...others].filter((one) => one !== null && one !== undefined)
  const found = all.find(({ rev }) => formatRev(rev) === text)
  if (found !== undefined) return found
  throw new OperatorError(`revision "${text}" of device "${state.device}" is not kept`, {
    remedy: '`tidegate config history` tells the revisions that are kept, 20 of a device',
  })
}

/** What was in force before the present revision. @throws OperatorError where that is not known */
export function revisionBefore({ state, kept }: Known): Revision {
  const before = kept.find(({ revision }) => !sameRev(revision.rev, state.cur?.rev))
  if (before !== undefined) return before.revision
  throw new OperatorError(`there is only one revision of the config of device "${state.device}"`, {
    remedy: '`tidegate config show` prints it',
  })
}

/** What is in force. @throws OperatorError where there never was a config */
export function currentOf({ device, cur }: EdgeState): Revision {
  if (cur !== null) return cur
  throw new OperatorError(`device "${device}" never had a config`, {
    remedy: '`tidegate config set` gives it one; `tidegate config conflicts` tells whether one of the cloud waits',
  })
}
