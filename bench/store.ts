/**
 * What does a reading cost on the disk? The store of this project, log, sealing and merging, beside the tables that first
 * come to mind and a log-structured tree: the same readings, the same commits, each synced; alternating, medians.
 */
import { parseArgs } from 'node:util'
import { startScript } from '../support/process.ts'
import { stopStarted } from '../support/started.ts'
import { LAYOUT_NAMES, type LayoutCost, type LayoutName } from './support/layout-cost.ts'
import { figure, machine, median, progress, table } from './support/report.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    varied: { type: 'boolean', default: false },
    runs: { type: 'string', default: '1' },
    rows: { type: 'string', default: '20000000' },
    'peer-rows': { type: 'string', default: '2000000' },
    commit: { type: 'string', default: '500' },
    series: { type: 'string', default: '500' },
    only: { type: 'string' },
  },
})
if (values.varied) process.env.BENCH_VARIED = '1'
const runs = Number(values.runs)
const names = LAYOUT_NAMES.filter((name) => values.only === undefined || name.startsWith(values.only))
const costs = new Map<LayoutName, LayoutCost[]>(names.map((name) => [name, []]))

/** The tables write so much that all the readings would take them hours. */
function rowsOf(name: LayoutName): number {
  const rows = Number(values.rows)
  return name === 'tidegate' || name === 'rocksdb' ? rows : Math.min(rows, Number(values['peer-rows']))
}

async function measure(name: LayoutName): Promise<LayoutCost> {
  const child = startScript('bench/support/layout-child.ts', [name, `${rowsOf(name)}`, values.commit, values.series])
  if ((await child.exit) !== 0) throw new Error(`${name}: ${child.stderr}`)
  return JSON.parse(child.stdout) as LayoutCost
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
  const classes = costs.get('tidegate')![0]!.house!.classes
  return table(
    ['tidegate, by class', 'readings', 'readings a block', 'packed', 'bytes on disk'],
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
  const house = (pick: (cost: NonNullable<LayoutCost['house']>) => number): number =>
    of('tidegate', (cost) => pick(cost.house!))
  return table(
    ['tidegate, housekeeping', ''],
    [
      ['longest slice, ms', figure(house((cost) => cost.longestSliceMs))],
      ['slices over 20 ms', `${house((cost) => cost.slicesOver20ms)} of ${house((cost) => cost.slices)}`],
      ['longest checkpoint, ms', figure(house((cost) => cost.longestCheckpointMs))],
      ['CPU seconds a million readings', figure(house((cost) => cost.cpuSecondsPerMillion))],
      ['of them while readings come in', figure(house((cost) => cost.cpuSecondsPerMillionBusy))],
      ['bytes written by commits', figure(house((cost) => cost.written.commits))],
      ['by checkpoints', figure(house((cost) => cost.written.checkpoints))],
      ['by housekeeping', figure(house((cost) => cost.written.slices))],
      ['seals at the end', `${house((cost) => cost.seals)}`],
      ['free pages in the file, bytes a reading', figure(house((cost) => cost.freeBytes) / rowsOf('tidegate'))],
    ],
  )
}

try {
  for (let round = 0; round < runs; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length]!
      const cost = await measure(name)
      costs.get(name)!.push(cost)
      progress(`${name}: ${figure(cost.perSecond)} readings/s, ${figure(cost.bytesWritten)} bytes written a reading`)
    }
  }
  console.log(`\nReadings of ${values.series} series, ${values.commit} in a commit, every commit synced\n`)
  console.log(layoutTable())
  if (costs.has('tidegate')) console.log(`\n${classTable()}\n\n${housekeepingTable()}`)
  if (values.json) {
    const results = names.map((layout) => ({ layout, costs: costs.get(layout) }))
    console.log(JSON.stringify({ bench: 'store', ...machine(), runs, results }))
  }
} finally {
  await stopStarted()
}
