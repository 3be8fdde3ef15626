import type { Value } from '../../src/base/reading.ts'
import { PostgresSink, type PostgresSinkOptions } from '../../src/receiver/postgres/postgres-sink.ts'
import { describeSink, type SeenReading, type SinkUnderTest } from '../contracts/sink.ts'
import { describePeer } from '../support/peers.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { onStop } from '../support/started.ts'

let server: Promise<Postgres> | undefined
let schemas = 0

/** A sink with an empty schema of its own, in the one server of this file. */
async function openSink(
  options: PostgresSinkOptions = {},
): Promise<{ postgres: Postgres; schema: string; sink: PostgresSink }> {
  server ??= startPostgres()
  const postgres = await server
  const schema = options.schema ?? `test_${++schemas}`
  const sink = PostgresSink.open(postgres.url, { schema, ...options })
  onStop(() => sink.close())
  return { postgres, schema, sink }
}

async function seenIn(postgres: Postgres, schema: string): Promise<SeenReading[]> {
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

async function underTest(more?: PostgresSinkOptions): Promise<SinkUnderTest> {
  const { postgres, schema, sink } = await openSink(more)
  return {
    sink,
    seen: () => seenIn(postgres, schema),
    reopen: async () => {
      await sink.close()
      return underTest({ schema })
    },
  }
}

describePeer('postgres', 'a sink in PostgreSQL', () => {
  describeSink('the PostgreSQL sink', () => underTest())
})
