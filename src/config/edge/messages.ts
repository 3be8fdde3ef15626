import { canonical } from '../canonical.ts'
import type { Json } from '../json.ts'
import { type Revision, sameRev } from '../revision.ts'
import { renderRevision } from '../wire.ts'
import { type CloudTopic, type EdgeState, RING_MAX, type SyncRules } from './state.ts'

/** The current payload of a cloud topic; '' clears the topic. It only reads: to publish, use the event `sending`. */
export function message(state: EdgeState, what: CloudTopic): string {
  if (what === 'conflict') {
    const record = state.conflict?.record ?? state.settled?.shown?.record
    return record === undefined ? '' : JSON.stringify({ v: 1, device: state.device, ...record })
  }
  if (state.cur === null || state.tombstone?.purged) return ''
  if (what === 'reported') return reportedMessage(state, state.cur)
  return renderRevision(state.device, { ...headOf(state, state.cur), base: state.base?.rev ?? null })
}

/** The revision to propose: the one in force or, while the ring is full, the last one in the ring. */
export function headOf(state: EdgeState, cur: Revision): Revision {
  return isPublished(state, cur) || state.ring.length < RING_MAX ? cur : state.ring.at(-1)!
}

/** Whether the cloud may already know this revision. */
export function isPublished({ base, ring }: EdgeState, { rev }: Revision): boolean {
  return sameRev(rev, base?.rev) || ring.some((one) => sameRev(one.rev, rev))
}

function reportedMessage({ device, applied }: EdgeState, { rev, hash, config }: Revision): string {
  const { status, code, message, confirmed } = applied
  return JSON.stringify({ v: 1, device, rev, hash, deleted: config === null, status, code, message, confirmed })
}

/** The retained payload for the device; '' clears the topic. */
export function localPayload({ cur, tombstone }: EdgeState, form: SyncRules['localForm']): string {
  if (cur === null || tombstone?.purged) return ''
  const { rev, hash, config } = cur
  if (form === 'plain') return config === null ? '' : canonical(config)
  return canonical({ rev, hash, deleted: config === null, config } as unknown as Json)
}
