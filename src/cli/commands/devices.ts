import { Exit } from '../../base/errors.ts'
import { timeText } from '../../base/reading-text.ts'
import { oneLine } from '../../base/text/one-line.ts'
import type { DeviceStatistics } from '../../store/history/history.ts'
import { command, shared } from '../command.ts'
import { dataFolder, storeOptions } from '../data-folder.ts'
import { withHistory } from '../reader.ts'
import { type Cell, TableWriter } from '../table.ts'

const NAME_CHARS_MAX = 40

export const devices = command({
  name: 'devices',
  summary: 'List the series of each device: count, average, minimum, maximum, good %',
  notes: [
    'The figures cover the readings that are kept, and removed readings through their hourly sums. Average, minimum and maximum leave BAD readings out, unless --include-bad is given. `tidegate ledger` accounts for everything that was ever received. The edge may be running.',
  ],
  options: {
    ...storeOptions,
    'include-bad': { kind: 'flag', help: 'BAD readings count in average, minimum and maximum' },
    json: shared.json,
  },
  examples: ['devices -s examples/edge.yaml', 'devices --data examples/data/plant-7 --json'],
  async run({ values, output, env }) {
    const write = values.json ? await jsonWriter() : await tableWriter()
    await withHistory(await dataFolder(values, env), async (history) => {
      for (const page of history.devicePages({ includeBad: values['include-bad'] })) {
        output.print(write.page(page))
        if (!(await output.drained())) return
      }
      const end = write.end()
      if (end !== '') output.print(end)
    })
    return Exit.OK
  },
})

/** Writes devices page by page, so that a store with many devices does not fill the memory. */
interface PageWriter {
  page(devices: readonly DeviceStatistics[]): string
  end(): string
}

async function jsonWriter(): Promise<PageWriter> {
  const { deviceJson } = await import('../../store/history/json.ts')
  let isFirst = true
  return {
    page: (devices) => {
      const lines = devices.map((one) => `  ${deviceJson(one)}`).join(',\n')
      const text = isFirst ? `[\n${lines}` : `,\n${lines}`
      isFirst = false
      return text
    },
    end: () => (isFirst ? '[]' : ']'),
  }
}

async function tableWriter(): Promise<PageWriter> {
  const { figureCell, percent } = await import('./history/shapes.ts')
  const time = (ts: number | undefined): string => (ts === undefined ? '' : timeText(ts))
  const table = new TableWriter([
    'device',
    'metric',
    'unit',
    'readings',
    'first (UTC)',
    'last (UTC)',
    'avg',
    'min',
    'max',
    'good %',
  ])
  let isEmpty = true
  const rowsOf = ({ device, series, unlisted }: DeviceStatistics): Cell[][] => {
    const name = oneLine(device, NAME_CHARS_MAX)
    if (series.length === 0) return device === '*' ? [] : [[name, '', '', 0, '', '', '', '', '', '']]
    const rows = series.map(({ metric, unit = '', readings, firstAt, lastAt, avg, min, max, goodShare }): Cell[] => [
      ...[name, oneLine(metric, NAME_CHARS_MAX), oneLine(unit, 16), readings, time(firstAt), time(lastAt)],
      ...[figureCell(avg), figureCell(min), figureCell(max), percent(goodShare)],
    ])
    return unlisted === 0 ? rows : [...rows, [name, `and ${unlisted} more`]]
  }
  return {
    page: (devices) => {
      isEmpty = false
      return table.lines(devices.flatMap(rowsOf))
    },
    end: () => (isEmpty ? 'no devices' : ''),
  }
}
