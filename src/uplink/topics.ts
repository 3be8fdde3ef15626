/** The topics of one edge on the cloud broker. Nothing else is needed there, so ACLs stay simple. */
export interface CloudTopics {
  readonly live: string
  readonly amend: string
  readonly receipt: string
  readonly status: string
}

export function cloudTopics(prefix: string, edge: string): CloudTopics {
  const base = `${prefix}/${edge}`
  return {
    live: `${base}/up/live`,
    amend: `${base}/up/amend`,
    receipt: `${base}/down/receipt`,
    status: `${base}/status`,
  }
}
