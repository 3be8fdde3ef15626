import { systemClock } from '../../base/clock.ts'
import { Exit } from '../../base/errors.ts'
import { command, shared } from '../command.ts'
import { withReader } from '../reader.ts'
import { type Cell, textTable } from '../table.ts'

export const retention = command({
  name: 'retention',
  summary: 'Tells what each retention rule keeps; with --dry-run also what its next run would remove',
  notes: [
    'A running edge removes by itself what is past its time, and looks every ten minutes. Age counts from arrival, and a block of readings goes when its last one is old enough. Nothing goes by age that an uplink has not confirmed.',
  ],
  options: {
    settings: shared.settings,
    'dry-run': { kind: 'flag', help: 'Also tell what would be removed now, and what would but for an uplink' },
    json: shared.json,
  },
  examples: ['retention -s examples/edge.yaml', 'retention -s examples/edge.yaml --dry-run'],
  async run({ values, output, env }) {
    const { loadEdgeSettings } = await import('../../settings/load/load.ts')
    const { data, store } = loadEdgeSettings(values.settings, env)
    const plans = await withReader(data, (reader) => reader.retention(store.retention, systemClock.now()))
    const dryRun = values['dry-run']
    const rows = plans.map(({ match = '(no rule)', series, readings, oldestAt, due, unconfirmed }) => ({
      match,
      series,
      readings,
      oldest: oldestAt === undefined ? null : new Date(oldestAt).toISOString(),
      ...(dryRun ? { due, unconfirmed } : {}),
    }))
    if (values.json) output.json(rows)
    else {
      const head = [
        'rule',
        'series',
        'sealed readings',
        'oldest',
        ...(dryRun ? ['would be removed', 'unconfirmed'] : []),
      ]
      output.print(
        textTable(
          head,
          rows.map((row) => Object.values(row).map((cell): Cell => cell ?? '-')),
        ),
      )
    }
    return Exit.OK
  },
})
