import type { ItemReader } from './item-reader.ts'

/** Where positions are from, and who sends them (docs/wire-format.md, Identity). */
export interface Origin {
  readonly edge: string
  /** The timeline of positions. */
  readonly epoch: string
  /** The opening of the edge's store that sent this: receipts echo it, nothing else depends on it. */
  readonly run: string
}

/** The three items behind the version. @throws Malformed */
export function readOrigin(cbor: ItemReader): Origin {
  const edge = cbor.text('edge')
  const epoch = cbor.text('epoch')
  const run = cbor.text('run')
  return { edge, epoch, run }
}
