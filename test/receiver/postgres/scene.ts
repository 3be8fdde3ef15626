import type { Value } from '../../../src/base/reading.ts'
import { PostgresSink, type PostgresSinkOptions } from '../../../src/receiver/postgres/postgres-sink.ts'
import { type Postgres, startPostgres } from '../../../support/postgres.ts'
import { onStop } from '../../../support/started.ts'
import type { SeenReading } from '../contracts/sink.ts'

export const AT = 1_700_000_000_000

let server: Promise<Postgres> | undefined
let schemas = 0

/** The one server of a test file. */
export function sharedPostgres(): Promise<Postgres> {
  if (server === undefined) {
    server = startPostgres()
    onStop(() => {
      server = undefined
    })
  }
  return server
}

export interface Opened {
  readonly postgres: Postgres
  readonly schema: string
  readonly sink: PostgresSink
}

/** A sink with an empty schema of its own, or with that of the options. */
export async function openSink({ url, ...options }: PostgresSinkOptions & { url?: string } = {}): Promise<Opened> {
  const postgres = await sharedPostgres()
  const schema = options.schema ?? `test_${++schemas}`
  const sink = PostgresSink.open(url ?? postgres.url, { ...options, schema })
  onStop(() => sink.close())
  return { postgres, schema, sink }
}

/** The content of the view, as another client reads it, in the order of edge, epoch, position. */
export async function seenIn({ postgres, schema }: Pick<Opened, 'postgres' | 'schema'>): Promise<SeenReading[]> {
  type Row = Omit<SeenReading, 'unit' | 'value'> & {
    unit: string | null
    value: number | null
    value_boolean: boolean | null
    value_text: string | null
    value_bytes: Buffer | null
  }
  const rows = await postgres.query<Row>(
    `SELECT edge, epoch, seq::float8, device, metric, unit, (extract(epoch FROM ts) * 1000)::float8 AS ts,
       value, value_boolean, value_text, value_bytes, quality, reasons::float8
     FROM ${schema}.readings ORDER BY edge COLLATE "C", epoch COLLATE "C", seq`,
  )
  return rows.map(({ unit, value, value_boolean, value_text, value_bytes, ...row }) => {
    const text = value_text !== null && value_bytes !== null ? value_bytes.toString() : value_text
    return { ...row, unit: unit ?? undefined, value: (value ?? value_boolean ?? text ?? value_bytes) as Value }
  })
}
