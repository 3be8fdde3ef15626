export { BatchBuilder, type BuiltBatch, type Covers, type SeriesName } from './batch-builder.ts'
export { type DecodedBatch, type DecodeLimits, decodeBatch, decodeInSteps } from './batch-decoder.ts'
export { type BatchHead, headInSteps, readBatchHead } from './batch-head.ts'
export type { Origin } from './origin.ts'
export type { Batch, SeriesBlock } from './series-block.ts'

/** Content type of a batch and of amendments (a property of MQTT 5). */
export const BATCH_CONTENT_TYPE = 'application/vnd.tidegate.batch+cbor+zstd'
