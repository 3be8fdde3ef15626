import { systemClock } from '../../../base/clock.ts'
import { takeFromOthers } from '../../../base/files/private-files.ts'
import type { Log } from '../../../base/log.ts'
import type { Sink } from '../../../receiver/sink.ts'
import type { ReceiverSettings } from '../../../settings/receiver.ts'
import { command, shared } from '../../command.ts'
import { serve } from '../../service.ts'

/** Database, WAL and lock. */
const DATA_FILES = /^received\.(db|lock)/

export const receive = command({
  name: 'receive',
  summary: 'Run a receiver: it stores the readings of the edges and confirms them',
  notes: [
    'Prints one line when it has started; the log goes to standard error. SIGINT or SIGTERM stops it in order; SIGHUP reads the settings again (docs/services.md).',
    'Readings are stored in received.db in the folder `data`, or in PostgreSQL (docs/postgresql.md). The receiver also starts while PostgreSQL is not reachable; it confirms nothing until the readings are stored. Do not put a password into --sink: other users of the machine can read command lines. Put the URL into a file that `sink_file` in the settings names.',
  ],
  options: {
    settings: { ...shared.settings, help: 'Settings file of the receiver' },
    sink: {
      kind: 'text',
      value: 'URL',
      help: 'Store in PostgreSQL: postgres://user@host/database. Overrides `sink` in the settings',
    },
  },
  examples: [
    'receive -s examples/receiver.yaml',
    'receive -s examples/receiver.yaml --sink postgres://tidegate@127.0.0.1/plants',
    "receive -s examples/receiver.yaml --sink 'postgres://tidegate@/plants?host=/var/run/postgresql'",
  ],
  async run({ values, output, env }) {
    const { loadReceiverSettings } = await import('../../../settings/load/load.ts')
    const warnings: string[] = []
    const names = values.sink === undefined ? {} : { TIDEGATE_SINK: '--sink' }
    const load = (warn: (text: string) => void) =>
      loadReceiverSettings(values.settings, withSink(env, values.sink), warn, names)
    const settings = load((warning) => warnings.push(warning))
    const { createLog } = await import('../../../base/log.ts')
    const { clientIdOf } = await import('../../../receiver/client-id.ts')
    const clientId = clientIdOf(settings)
    const log = createLog(settings.log, clientId)
    for (const warning of [...warnings, ...takeFromOthers(settings.data, DATA_FILES)]) log.warn(warning)
    const { settingsReloader } = await import('../../reload.ts')
    const { startReceiver } = await import('../../../receiver/receiver.ts')
    const { place, open } = await sinkOf(settings, log)
    const { loadSchemas } = await import('../../../config/schema-check.ts')
    const checkConfig = loadSchemas(settings.config.schemas)
    return serve(
      output,
      async () => startReceiver(settings, { log, clock: systemClock, sink: open(), checkConfig }),
      () => `receiver ${clientId} has started: cloud ${new URL(settings.cloud.url).host}, ${place}`,
      { reload: settingsReloader(settings, log, load) },
    )
  },
})

type Environment = Readonly<Record<string, string | undefined>>

/** Adds the sink of the command line to the environment, so that it is checked like any other setting. */
function withSink(env: Environment, sink: string | undefined): Environment {
  return sink === undefined ? env : { ...env, TIDEGATE_SINK: sink, TIDEGATE_SINK_FILE: undefined }
}

async function sinkOf(settings: ReceiverSettings, log: Log): Promise<{ place: string; open: () => Sink }> {
  const { sink: url, postgres, data, edgesMax, epochsPerEdgeMax, seriesPerEdgeMax } = settings
  const limits = { edgesMax, epochsPerEdgeMax, seriesPerEdgeMax }
  if (url === undefined) {
    const { SqliteSink } = await import('../../../receiver/sqlite/sqlite-sink.ts')
    return { place: `data ${data}`, open: () => SqliteSink.open(data, limits) }
  }
  const { PostgresSink } = await import('../../../receiver/postgres/postgres-sink.ts')
  const { placeOf } = await import('../../../receiver/postgres/trouble.ts')
  return { place: `PostgreSQL ${placeOf(url)}`, open: () => PostgresSink.open(url, { ...postgres, ...limits, log }) }
}
