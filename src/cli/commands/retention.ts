import { systemClock } from '../../base/clock.ts'
import { MachineElapsedClock } from '../../base/elapsed-time.ts'
import { Exit } from '../../base/errors.ts'
import { command, shared } from '../command.ts'
import { withReader } from '../reader.ts'
import { type Cell, textTable } from '../table.ts'

export const retention = command({
  name: 'retention',
  summary: 'Show what each retention rule keeps, or accept a large removal',
  notes: [
    'A running edge applies its retention rules every ten minutes. Age counts from arrival, and a block of readings is removed when its last reading is old enough. Readings that an uplink has not confirmed are never removed by age.',
    'When more than a quarter of the sealed readings of a rule, or of its hourly sums, become overdue all at once, nothing is removed by age, because a clock or a rule may be wrong. `--accept` allows the removal for a day. Without it, the removal takes place when disk space is short.',
  ],
  options: {
    settings: shared.settings,
    'dry-run': {
      kind: 'flag',
      help: 'Also show what would be removed now, and what is due but kept because it is unconfirmed',
    },
    accept: { kind: 'flag', help: 'Allow the removal of all overdue readings, whatever their number; valid for a day' },
    json: shared.json,
  },
  examples: ['retention -s examples/edge.yaml', 'retention -s examples/edge.yaml --dry-run'],
  async run({ values, output, env }) {
    const { loadEdgeSettings } = await import('../../settings/load/load.ts')
    const { data, store } = loadEdgeSettings(values.settings, env)
    const clocks = { system: systemClock, elapsedClock: new MachineElapsedClock() }
    const plans = await withReader(data, (reader) => reader.retention(store.retention, clocks))
    if (values.accept) {
      const due = plans.reduce((sum, plan) => sum + plan.due, 0)
      const sumsDue = plans.reduce((sum, plan) => sum + plan.sumsDue, 0)
      if (due + sumsDue === 0) {
        output.print('nothing to accept: no confirmed reading and no hourly sum is overdue')
        return Exit.OK
      }
      const { placeOrder } = await import('../../store/orders.ts')
      placeOrder(data, { kind: 'retention-accept' }, systemClock.now())
      output.print(
        `ordered to remove ${due} readings and ${sumsDue} hourly sums; a running edge begins within a second`,
      )
      return Exit.OK
    }
    const dryRun = values['dry-run']
    const rows = plans.map(({ match = '(no rule)', series, readings, oldestAt, due, unconfirmed, sums, sumsDue }) => ({
      match,
      series,
      readings,
      oldest: oldestAt === undefined ? null : new Date(oldestAt).toISOString(),
      sums,
      ...(dryRun ? { due, unconfirmed, sumsDue } : {}),
    }))
    if (values.json) output.json(rows)
    else {
      const head = [
        'rule',
        'series',
        'sealed readings',
        'oldest',
        'hourly sums',
        ...(dryRun ? ['would be removed', 'unconfirmed', 'sums would be removed'] : []),
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
