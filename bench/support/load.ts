import { startScript } from '../../support/process.ts'
import { MESSAGES_MAX, type PayloadKind } from './packets.ts'
import { outputOf } from './patience.ts'

export interface LoadOptions {
  readonly port: number
  readonly connections: number
  /** Messages of one connection that may be unacknowledged at the same time. */
  readonly window: number
  /** Messages of each connection, at most `MESSAGES_MAX`. */
  readonly messages: number
  readonly qos: 1 | 2
  /** `json`: `{"value":1000.07,"ts":…}`; `number`: `1000.07`. */
  readonly payload: PayloadKind
}

/** The clock runs from the first PUBLISH, when all are connected, to the last acknowledgement. */
export interface LoadResult {
  readonly messages: number
  readonly ms: number
  readonly perSecond: number
  /** From write to acknowledgement: median, 99th percentile, largest of a sample. */
  readonly ackMs50: number
  readonly ackMs99: number
  readonly ackMsMax: number
  /** CPU time of the load generator itself. */
  readonly cpuMs: number
}

/** Publishes from its own process. @throws Error when a message is rejected or a connection is lost. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  if (options.messages > MESSAGES_MAX) throw new RangeError(`at most ${MESSAGES_MAX} messages per connection`)
  const child = startScript('bench/support/load-child.ts', [JSON.stringify(options)])
  return JSON.parse(await outputOf(child, 'the load generator')) as LoadResult
}
