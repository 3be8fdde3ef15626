import type { ItemReader } from './item-reader.ts'

/** Where positions come from, and who sends them (docs/wire-format.md, Identity). */
export interface Origin {
  readonly edge: string
  /** Name of the timeline of positions. */
  readonly epoch: string
  /** Names the opening of the edge's store that sent this. Receipts repeat it; nothing else depends on it. */
  readonly run: string
}

/** Reads the three items after the version. @throws Malformed */
export function readOrigin(cbor: ItemReader): Origin {
  const edge = cbor.text('edge')
  const epoch = cbor.text('epoch')
  const run = cbor.text('run')
  return { edge, epoch, run }
}
