/** The library `tidegate/receiver`: for those who have a sink of their own. */
export type { Amendments } from '../codec/amendments.ts'
export type { Batch, SeriesBlock } from '../codec/batch.ts'
export { type Receiver, type ReceiverDependencies, type ReceiverStats, startReceiver } from './receiver.ts'
export type { Delivery, Reject, Sink, StoreResult } from './sink.ts'
export { SqliteSink, type SqliteSinkOptions } from './sqlite-sink.ts'
export type { Counts, EdgeStats } from './tally.ts'
