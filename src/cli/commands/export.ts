import { resolve } from 'node:path'
import { systemClock } from '../../base/clock.ts'
import { Exit, OperatorError } from '../../base/errors.ts'
import { pattern } from '../../base/pattern.ts'
import type { ExportProgress, ExportWork } from '../../export/export.ts'
import type { History, StoredSeries } from '../../store/history/history.ts'
import { command } from '../command.ts'
import { dataFolder, storeOptions } from '../data-folder.ts'
import { boundHeap } from '../heap.ts'
import type { Output } from '../output.ts'
import { countText, progressBar, sizeText } from '../progress-bar.ts'
import { stopSignals } from '../stop-signals.ts'
import { timeOption } from '../time.ts'

/** The progress is updated at most this often (milliseconds). */
const PROGRESS_MS = 200

export const exportReadings = command({
  name: 'export',
  summary: 'Export readings as CSV, NDJSON or Parquet',
  notes: [
    'Readings are written series by series (device, metric, unit), each in order of time. CSV and NDJSON have the columns device, metric, unit, ts, value, type, quality, reasons and seq; type says how to read value: number, boolean, text, bytes (base64) or missing. Parquet has one column per type instead: value, bool, text and bytes. One of them is not null, or none if the reading is missing.',
    'The edge may be running; readings that arrive during the export may or may not be included. A file appears under its name only when it is complete. --partition day writes one file per UTC day, such as date=2026-01-31/part-0.parquet, into the folder; DuckDB, Spark and others read the folder as one table.',
  ],
  options: {
    ...storeOptions,
    format: {
      kind: 'text',
      value: 'FORMAT',
      help: 'Output format',
      required: true,
      oneOf: ['csv', 'ndjson', 'parquet'],
    },
    from: {
      kind: 'text',
      value: 'TIME',
      help: 'Only readings at or after this time: ISO 8601 (UTC if without a zone), now, -24h',
    },
    to: { kind: 'text', value: 'TIME', help: 'Only readings before this time' },
    device: { kind: 'text', value: 'PATTERN', help: 'Only devices that match; * stands for any characters' },
    metric: { kind: 'text', value: 'PATTERN', help: 'Only metrics that match; * stands for any characters' },
    out: {
      kind: 'text',
      short: 'o',
      value: 'PATH',
      help: 'Output file, or folder with --partition; - or none: standard output',
    },
    partition: { kind: 'text', value: 'BY', help: 'Write a folder with a file for each day in UTC', oneOf: ['day'] },
    force: { kind: 'flag', help: 'Replace existing files' },
  },
  examples: [
    'export -s examples/edge.yaml --format csv --device press-1 --from 2026-01-31 > press-1.csv',
    'export --data examples/data/plant-7 --format parquet -o readings.parquet',
    'export --data examples/data/plant-7 --format parquet --partition day --to 2026-02-01 -o ./lake',
  ],
  async run({ values, output, env }) {
    const interval = intervalOf(values)
    const destination = destinationOf(values)
    boundHeap()
    const folder = await dataFolder(values, env)
    const { openReadOnly } = await import('../../store/database.ts')
    const { History } = await import('../../store/history/history.ts')
    const database = openReadOnly(folder)
    const stop = stopSignals('the export', 'complete files are kept, incomplete ones are removed; run the export again')
    try {
      const source = new History(database, systemClock)
      const series = selectSeries(source, values)
      const onProgress = destination.to === 'stdout' && process.stdout.isTTY ? undefined : progressPrinter(output)
      const now = systemClock.now()
      await write(
        { source, series, interval, format: values.format, now, signal: stop.signal, onProgress },
        destination,
        output,
      )
      return Exit.OK
    } finally {
      stop.forget()
      database.close()
    }
  },
})

type Destination =
  | { readonly to: 'stdout' }
  | { readonly to: 'file' | 'folder'; readonly path: string; readonly overwrite: boolean }

function intervalOf({ from, to }: { from: string | undefined; to: string | undefined }): { from: number; to: number } {
  const interval = {
    from: from === undefined ? Number.MIN_SAFE_INTEGER : timeOption('from', from),
    to: to === undefined ? Number.MAX_SAFE_INTEGER : timeOption('to', to),
  }
  if (interval.from < interval.to) return interval
  throw misuse(`--from ${from} is not before --to ${to}`, 'give an earlier --from or a later --to')
}

function destinationOf(values: {
  readonly format: string
  readonly out: string | undefined
  readonly partition: string | undefined
  readonly force: boolean
}): Destination {
  const { format, partition, force } = values
  const out = values.out === '-' ? undefined : values.out
  if (out !== undefined) {
    return { to: partition === undefined ? 'file' : 'folder', path: resolve(out), overwrite: force }
  }
  if (partition !== undefined) throw misuse('--partition writes a folder, but -o is missing', 'add -o FOLDER')
  if (format === 'parquet') throw misuse('Parquet cannot be written to standard output', 'add -o FILE')
  return { to: 'stdout' }
}

function selectSeries(
  history: History,
  { device, metric }: { readonly device: string | undefined; readonly metric: string | undefined },
): StoredSeries[] {
  const isDevice = device === undefined ? () => true : pattern(device)
  const isMetric = metric === undefined ? () => true : pattern(metric)
  const series = history.series().filter((one) => isDevice(one.device) && isMetric(one.metric))
  if (series.length > 0 || (device === undefined && metric === undefined)) return series
  throw new OperatorError(`the store has no series of device ${device ?? '*'} and metric ${metric ?? '*'}`, {
    remedy: '`tidegate devices` lists all devices and metrics; in a pattern, * stands for any characters',
  })
}

async function write(work: ExportWork<StoredSeries>, destination: Destination, output: Output): Promise<void> {
  const { exportDays, exportFile } = await import('../../export/export.ts')
  const { FileTarget, ReaderGone, StreamTarget } = await import('../../export/target.ts')
  if (destination.to === 'stdout') {
    await exportFile(work, () => new StreamTarget(process.stdout)).catch((trouble) => {
      // The reader has closed the pipe, as `head` does: not an error.
      if (!(trouble instanceof ReaderGone)) throw trouble
    })
    return
  }
  const { to, path, overwrite } = destination
  if (to === 'file') {
    output.note(summary(await exportFile(work, () => FileTarget.open(path, overwrite)), path))
  } else {
    const { DayFolder } = await import('../../export/day-folder.ts')
    output.note(summary(await exportDays(work, new DayFolder(path, work.format, overwrite)), path))
  }
}

function summary({ readings, files, bytes }: ExportProgress, path: string): string {
  if (files === 0) return 'no readings match: nothing was written'
  const many = files === 1 ? '' : ` in ${countText(files)} files`
  return `${countText(readings)} readings${many}, ${sizeText(bytes)}: ${path}`
}

/** Shows a progress bar, updated at most every PROGRESS_MS. */
function progressPrinter(output: Output): (progress: ExportProgress) => void {
  let due = 0
  return ({ share, readings, bytes }) => {
    const now = performance.now()
    if (now < due) return
    due = now + PROGRESS_MS
    output.progress(`${progressBar(share)}  ${countText(readings)} readings  ${sizeText(bytes)}`)
  }
}

function misuse(message: string, remedy: string): OperatorError {
  return new OperatorError(`export: ${message}`, { remedy, exitCode: Exit.USAGE })
}
