import type { ItemReader } from './item-reader.ts'

/** A longer name of an edge, an epoch or a run is refused: receivers keep them, and repeat them in every receipt. */
const ORIGIN_CHARS_MAX = 64

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
  const edge = cbor.text('edge', ORIGIN_CHARS_MAX)
  const epoch = cbor.text('epoch', ORIGIN_CHARS_MAX)
  const run = cbor.text('run', ORIGIN_CHARS_MAX)
  return { edge, epoch, run }
}
