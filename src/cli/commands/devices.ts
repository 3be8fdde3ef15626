import { Exit } from '../../base/errors.ts'
import { timeText } from '../../base/reading-text.ts'
import type { DeviceStatistics } from '../../store/history/history.ts'
import { command, shared } from '../command.ts'
import { dataFolder, storeOptions } from '../data-folder.ts'
import { withHistory } from '../reader.ts'
import { type Cell, oneLine, textTable } from '../table.ts'

const NAME_CHARS_MAX = 40

export const devices = command({
  name: 'devices',
  summary: 'List the series of each device: count, average, minimum, maximum, good %',
  notes: [
    'The figures cover the readings that are kept, and removed readings through their hourly sums. `tidegate ledger` accounts for everything that was ever received. The edge may be running.',
  ],
  options: { ...storeOptions, json: shared.json },
  examples: ['devices -s examples/edge.yaml', 'devices --data ./data --json'],
  async run({ values, output, env }) {
    const all = await withHistory(await dataFolder(values, env), async (history) => history.devices())
    if (values.json) {
      const { deviceJson } = await import('../../store/history/json.ts')
      output.print(all.length === 0 ? '[]' : `[\n  ${all.map(deviceJson).join(',\n  ')}\n]`)
    } else if (all.length === 0) {
      output.print('no devices')
    } else {
      output.print(await devicesTable(all))
    }
    return Exit.OK
  },
})

async function devicesTable(all: readonly DeviceStatistics[]): Promise<string> {
  const { figureCell, percent } = await import('./history/shapes.ts')
  const time = (ts: number | undefined): string => (ts === undefined ? '' : timeText(ts))
  const rows = all.flatMap(({ device, series }): Cell[][] => {
    const name = oneLine(device, NAME_CHARS_MAX)
    if (series.length === 0) return [[name, '', '', 0, '', '', '', '', '', 0]]
    return series.map(({ metric, unit = '', readings, firstAt, lastAt, avg, min, max, goodShare }) => [
      ...[name, oneLine(metric, NAME_CHARS_MAX), oneLine(unit, 16), readings, time(firstAt), time(lastAt)],
      ...[figureCell(avg), figureCell(min), figureCell(max), percent(goodShare)],
    ])
  })
  return textTable(
    ['device', 'metric', 'unit', 'readings', 'first (UTC)', 'last (UTC)', 'avg', 'min', 'max', 'good %'],
    rows,
  )
}
