import { constants, zstdCompressSync } from 'node:zlib'
import { ByteWriter, type ColumnSource, ParquetWriter, type SchemaElement } from 'hyparquet-writer'
import type { StoredReading } from '../base/reading.ts'
import { version } from '../base/version.ts'
import type { Encoder } from './encoder.ts'

export interface RowGroupLimits {
  /** Readings in a row group, at most: this many are held in memory and then written. */
  readonly rowsMax: number
  /** Size of texts and bytes in a row group; the reading that reaches it is the last one of the group. */
  readonly payloadBytesMax: number
  /** Row groups in a file, at most: the footer's entry for each, 9 KB, is held in memory until the end. */
  readonly groupsMax: number
}

/**
 * With 65,536 rows each, 4,096 groups hold 268 million readings; their footer takes 38 MB, and 130 MB while written.
 */
const LIMITS: RowGroupLimits = { rowsMax: 65_536, payloadBytesMax: 16_777_216, groupsMax: 4_096 }

const TEXT = { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } } as const
const TIME = {
  type: 'INT64',
  converted_type: 'TIMESTAMP_MILLIS',
  logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
} as const
const REQUIRED = { repetition_type: 'REQUIRED' } as const
const OPTIONAL = { repetition_type: 'OPTIONAL' } as const

/** Exactly one of value, bool, text and bytes is set, or none if the value is missing. */
const SCHEMA: SchemaElement[] = [
  { name: 'root', num_children: 11 },
  { name: 'device', ...TEXT, ...REQUIRED },
  { name: 'metric', ...TEXT, ...REQUIRED },
  { name: 'unit', ...TEXT, ...OPTIONAL },
  { name: 'ts', ...TIME, ...REQUIRED },
  { name: 'seq', type: 'INT64', ...REQUIRED },
  { name: 'value', type: 'DOUBLE', ...OPTIONAL },
  { name: 'bool', type: 'BOOLEAN', ...OPTIONAL },
  { name: 'text', ...TEXT, ...OPTIONAL },
  { name: 'bytes', type: 'BYTE_ARRAY', ...OPTIONAL },
  { name: 'quality', type: 'INT32', ...REQUIRED },
  { name: 'reasons', type: 'INT64', ...REQUIRED },
]

const ZSTD_LEVEL = 3

function zstd(bytes: Uint8Array): Uint8Array {
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } })
}

/** Writes a Parquet file: row group by row group, then the footer. */
export class ParquetEncoder implements Encoder {
  readonly #limits: RowGroupLimits
  readonly #bytes = new ByteWriter()
  readonly #writer: ParquetWriter
  #group = new RowGroup()
  #groups = 0

  constructor(limits: Partial<RowGroupLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits }
    this.#writer = new ParquetWriter({
      writer: this.#bytes,
      schema: SCHEMA,
      codec: 'ZSTD',
      compressors: { ZSTD: zstd },
      createdBy: `tidegate version ${version}`,
    })
  }

  get isFull(): boolean {
    return this.#groups >= this.#limits.groupsMax
  }

  *encode(readings: readonly StoredReading[]): Iterable<Uint8Array> {
    for (const reading of readings) {
      this.#group.add(reading)
      const { rows, payloadBytes } = this.#group
      if (rows >= this.#limits.rowsMax || payloadBytes >= this.#limits.payloadBytesMax) yield this.#write()
    }
  }

  *end(): Iterable<Uint8Array> {
    if (this.#group.rows > 0) yield this.#write()
    this.#writer.finish()
    yield this.#take()
  }

  #write(): Uint8Array {
    this.#groups++
    const { columns, rows } = this.#group
    this.#group = new RowGroup()
    this.#writer.write({ columnData: columns, rowGroupSize: rows })
    return this.#take()
  }

  /** The bytes written since the last call. The buffer itself is reused. */
  #take(): Uint8Array {
    const bytes = this.#bytes.getBytes().slice()
    this.#bytes.index = 0
    return bytes
  }
}

/** The columns of the readings that are collected for the next row group. */
class RowGroup {
  readonly #device: string[] = []
  readonly #metric: string[] = []
  readonly #unit: (string | undefined)[] = []
  readonly #ts: bigint[] = []
  readonly #seq: bigint[] = []
  readonly #value: (number | undefined)[] = []
  readonly #bool: (boolean | undefined)[] = []
  readonly #text: (string | undefined)[] = []
  readonly #byteArrays: (Uint8Array | undefined)[] = []
  readonly #quality: number[] = []
  readonly #reasons: bigint[] = []
  payloadBytes = 0

  get rows(): number {
    return this.#seq.length
  }

  add({ device, metric, unit, ts, seq, value, quality, reasons }: StoredReading): void {
    this.#device.push(device)
    this.#metric.push(metric)
    this.#unit.push(unit)
    this.#ts.push(BigInt(ts))
    this.#seq.push(BigInt(seq))
    this.#value.push(typeof value === 'number' ? value : undefined)
    this.#bool.push(typeof value === 'boolean' ? value : undefined)
    this.#text.push(typeof value === 'string' ? value : undefined)
    this.#byteArrays.push(value instanceof Uint8Array ? value : undefined)
    this.#quality.push(quality)
    this.#reasons.push(BigInt(reasons))
    if (typeof value === 'string' || value instanceof Uint8Array) this.payloadBytes += value.length
  }

  /**
   * `value` has no dictionary: it would turn -0 into 0, as its keys are those of a Map. Texts and bytes have no
   * statistics: they would keep the minimum and maximum of every row group in memory until the footer.
   */
  get columns(): ColumnSource[] {
    return [
      { name: 'device', data: this.#device },
      { name: 'metric', data: this.#metric },
      { name: 'unit', data: this.#unit },
      { name: 'ts', data: this.#ts, encoding: 'DELTA_BINARY_PACKED' },
      { name: 'seq', data: this.#seq, encoding: 'DELTA_BINARY_PACKED' },
      { name: 'value', data: this.#value, encoding: 'PLAIN' },
      { name: 'bool', data: this.#bool },
      { name: 'text', data: this.#text, statistics: false },
      { name: 'bytes', data: this.#byteArrays, statistics: false },
      { name: 'quality', data: this.#quality },
      { name: 'reasons', data: this.#reasons },
    ]
  }
}
