/**
 * The topics of one edge on the cloud broker. An edge uses no other topics for readings and status, so ACLs stay
 * simple.
 */
export interface CloudTopics {
  readonly live: string
  readonly backfill: string
  readonly amend: string
  readonly receipt: string
  readonly request: string
  /** The clock of the receiver, UTC ms as decimal text. */
  readonly time: string
  readonly status: string
}

export function cloudTopics(prefix: string, edge: string): CloudTopics {
  const base = `${prefix}/${edge}`
  return {
    live: `${base}/up/live`,
    backfill: `${base}/up/backfill`,
    amend: `${base}/up/amend`,
    receipt: `${base}/down/receipt`,
    request: `${base}/down/request`,
    time: `${base}/down/time`,
    status: `${base}/status`,
  }
}
