/**
 * What does a reading cost on the disk? The store of this project (log, sealing and merging) is compared with the two tables
 * that first come to mind and with a log-structured tree: the same readings in the same commits, each synced. The layouts take
 * turns; medians. Every layout must return every reading afterwards.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { startScript } from '../support/process.ts'
import { stopStarted } from '../support/started.ts'
import { LAYOUT_NAMES, type LayoutCost, type LayoutName } from './support/layout-cost.ts'
import { readOptions, SERIES_OPTIONS, usage } from './support/options.ts'
import { outputOf } from './support/patience.ts'
import { figure, machine, machineLine, median, progress, table } from './support/report.ts'

const ROCKSDB = 'rocksdb-native@3.18.1'

const { json, numbers, others } = readOptions(
  {
    runs: { full: 1, small: 1 },
    rows: { full: 20_000_000, small: 100_000 },
    'peer-rows': { full: 2_000_000, small: 20_000 },
    commit: { full: 500, small: 500 },
    series: { full: 500, small: 20 },
  },
  { ...SERIES_OPTIONS, varied: { type: 'boolean' }, only: { type: 'string' } },
)
const { runs, commit, series } = numbers
const { only = '' } = others
const names = LAYOUT_NAMES.filter((name) => name.startsWith(only) && isInstalled(name))
if (names.length === 0) usage(`--only ${only}: expected the beginning of one of: ${LAYOUT_NAMES.join('; ')}`)
const costs = new Map<LayoutName, LayoutCost[]>(names.map((name) => [name, []]))

/** RocksDB is 160 MB for one row of the table: only who wants that row installs it. */
function isInstalled(name: LayoutName): boolean {
  if (name !== 'rocksdb' || existsSync(join(import.meta.dirname, '../node_modules/rocksdb-native'))) return true
  progress(`skipped: rocksdb; \`npm install --no-save ${ROCKSDB}\` installs it`)
  return false
}

/** The tables write so much that they would need hours for all readings. */
function rowsOf(name: LayoutName): number {
  const { rows, 'peer-rows': peerRows } = numbers
  return name === 'tidegate' || name === 'rocksdb' ? rows : Math.min(rows, peerRows)
}

async function measure(name: LayoutName): Promise<LayoutCost> {
  const child = startScript('bench/support/layout-child.ts', [name, ...[rowsOf(name), commit, series].map(String)])
  return JSON.parse(await outputOf(child, name)) as LayoutCost
}

function of(name: LayoutName, pick: (cost: LayoutCost) => number): number {
  return median(costs.get(name)!.map(pick))
}

function layoutTable(): string {
  const ours = (pick: (cost: LayoutCost) => number): number => of('tidegate', pick)
  const ratio = (name: LayoutName, pick: (cost: LayoutCost) => number): string =>
    costs.has('tidegate') ? figure(of(name, pick) / ours(pick)) : '-'
  const head = ['', 'readings', 'readings/s', 'until at rest', 'bytes on disk', 'ratio', 'bytes written', 'ratio']
  const rows = names.map((name) => [
    name,
    rowsOf(name).toLocaleString('en-US'),
    figure(of(name, (cost) => cost.perSecond)),
    figure(of(name, (cost) => cost.perSecondAtRest)),
    figure(of(name, (cost) => cost.bytesOnDisk)),
    ratio(name, (cost) => cost.bytesOnDisk),
    figure(of(name, (cost) => cost.bytesWritten)),
    ratio(name, (cost) => cost.bytesWritten),
  ])
  return table(head, rows)
}

function classTable(): string {
  const classes = costs.get('tidegate')![0]!.housekeeping!.classes
  return table(
    ['tidegate, by class', 'readings', 'readings per block', 'packed', 'bytes on disk'],
    classes.map(({ name, readings, ...cost }) => [
      name,
      readings.toLocaleString('en-US'),
      figure(cost.readingsPerBlock),
      figure(cost.packedBytes),
      figure(cost.bytesOnDisk),
    ]),
  )
}

function housekeepingTable(): string {
  const housekeeping = (pick: (cost: NonNullable<LayoutCost['housekeeping']>) => number): number =>
    of('tidegate', (cost) => pick(cost.housekeeping!))
  return table(
    ['tidegate, housekeeping', ''],
    [
      ['longest slice, ms', figure(housekeeping((cost) => cost.longestSliceMs))],
      ['slices over 20 ms', `${housekeeping((cost) => cost.slicesOver20ms)} of ${housekeeping((cost) => cost.slices)}`],
      ['longest checkpoint, ms', figure(housekeeping((cost) => cost.longestCheckpointMs))],
      ['CPU seconds per million readings', figure(housekeeping((cost) => cost.cpuSecondsPerMillion))],
      ['of which while readings come in', figure(housekeeping((cost) => cost.cpuSecondsPerMillionBusy))],
      ['bytes written by commits', figure(housekeeping((cost) => cost.written.commits))],
      ['by checkpoints', figure(housekeeping((cost) => cost.written.checkpoints))],
      ['by housekeeping', figure(housekeeping((cost) => cost.written.slices))],
      ['seals at the end', `${housekeeping((cost) => cost.seals)}`],
      [
        'free pages in the file, bytes per reading',
        figure(housekeeping((cost) => cost.freeBytes) / rowsOf('tidegate')),
      ],
    ],
  )
}

try {
  for (let round = 0; round < runs; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length]!
      const cost = await measure(name)
      costs.get(name)!.push(cost)
      progress(`${name}: ${figure(cost.perSecond)} readings/s, ${figure(cost.bytesWritten)} bytes written per reading`)
    }
  }
  console.log(`${machineLine()}\n\nReadings of ${series} series, ${commit} per commit, every commit synced\n`)
  console.log(layoutTable())
  if (costs.has('tidegate')) console.log(`\n${classTable()}\n\n${housekeepingTable()}`)
  if (json) {
    const results = names.map((layout) => ({ layout, costs: costs.get(layout) }))
    console.log(JSON.stringify({ bench: 'store', ...machine(), runs, results }))
  }
} finally {
  await stopStarted()
}
