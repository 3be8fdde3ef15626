/**
 * The library `tidegate/receiver`, for programs with a sink of their own. `receiverSettings.parse({ cloud: { url }
 * })` fills in the defaults that `startReceiver` needs.
 */
export { type Clock, systemClock } from '../base/clock.ts'
export { createLog, type Log, silentLog } from '../base/log.ts'
export type { Amendments } from '../codec/amendments.ts'
export type { Batch, SeriesBlock } from '../codec/batch.ts'
export type { Rev, Revision } from '../config/revision.ts'
export { loadSchemas, type SchemaCheck, type SchemaEntry } from '../config/schema-check.ts'
export type { Edit } from '../config/wire.ts'
export { type ReceiverSettings, receiverSettings } from '../settings/receiver.ts'
export {
  CloudConfig,
  type CloudConfigOptions,
  type Difference,
  type Take,
  type WriteOptions,
} from './config/cloud-config.ts'
export type {
  ConfigLimits,
  ConfigStore,
  DeviceQuestion,
  DeviceRecord,
  KeptRevision,
  LoggedChange,
  Reported,
} from './config/config-store.ts'
export type { WriteResult } from './config/device.ts'
export type { DeviceKey } from './config/device-key.ts'
export { PostgresSink, type PostgresSinkOptions } from './postgres/postgres-sink.ts'
export { type Receiver, type ReceiverDependencies, type ReceiverStats, startReceiver } from './receiver.ts'
export type { Delivery, Reject, Sink, StoreResult } from './sink.ts'
export { SqliteSink, type SqliteSinkOptions } from './sqlite/sqlite-sink.ts'
export type { Counts, EdgeStats } from './tally.ts'
