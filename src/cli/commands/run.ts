import { resolve } from 'node:path'
import { systemClock } from '../../base/clock.ts'
import { takeFromOthers } from '../../base/files/private-files.ts'
import { command, shared } from '../command.ts'
import { serve } from '../service.ts'

/** Database, WAL, lock, and databases that were set aside. */
const DATA_FILES = /^tidegate\.(db|lock)/
const BACKUP_FILES = /^tidegate-.*\.db/

export const run = command({
  name: 'run',
  summary: 'Run an edge: broker, store and uplinks',
  notes: [
    'Prints one line when devices can connect; the log goes to standard error. SIGINT or SIGTERM stops the edge in order, a second one ends it at once; SIGHUP reads the settings again (docs/services.md). In each case, nothing that was acknowledged is lost.',
  ],
  options: {
    settings: shared.settings,
    adopt: {
      kind: 'flag',
      help: 'Take over a data folder that belongs to an edge with another name; what it has not delivered is sent under the new one',
    },
  },
  examples: [
    'run -s examples/edge.yaml',
    'run -s examples/edge.yaml 2> plant-7.log',
    'run -s examples/edge.yaml --adopt',
  ],
  async run({ values, output, env }) {
    const { loadEdgeSettings } = await import('../../settings/load/load.ts')
    const warnings: string[] = []
    const load = (warn: (text: string) => void) => loadEdgeSettings(values.settings, env, warn)
    const settings = load((warning) => warnings.push(warning))
    const { createLog } = await import('../../base/log.ts')
    const log = createLog(settings.log, settings.edge)
    warnings.push(...takeFromOthers(settings.data, DATA_FILES))
    warnings.push(...takeFromOthers(resolve(settings.data, settings.store.backup.folder), BACKUP_FILES))
    for (const warning of warnings) log.warn(warning)
    const { settingsReloader } = await import('../reload.ts')
    const { startEdge } = await import('../../edge/edge.ts')
    return serve(
      output,
      () => startEdge(settings, { log, clock: systemClock, adopt: values.adopt }),
      ({ addresses: { mqtt, web } }) => {
        const page = web === undefined ? '' : `, web http://${web.host}:${web.port}`
        return `edge ${settings.edge} is ready: mqtt ${mqtt.host}:${mqtt.port}${page}, data ${settings.data}`
      },
      { reload: settingsReloader(settings, log, load) },
    )
  },
})
