import { CsvEncoder } from './csv.ts'
import type { Encoder } from './encoder.ts'
import { NdjsonEncoder } from './ndjson.ts'
import { ParquetEncoder, type RowGroupLimits } from './parquet.ts'

export const EXPORT_FORMATS = ['csv', 'ndjson', 'parquet'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

export function openEncoder(format: ExportFormat, limits: Partial<RowGroupLimits> = {}): Encoder {
  switch (format) {
    case 'csv':
      return new CsvEncoder()
    case 'ndjson':
      return new NdjsonEncoder()
    case 'parquet':
      return new ParquetEncoder(limits)
  }
}
