/**
 * What does a reading cost on the disk? The append log of this project beside the tables that first come to mind: the
 * same rows, the same commits, each synced; alternating, medians.
 */
import { parseArgs } from 'node:util'
import { startScript } from '../test/support/process.ts'
import { stopStarted } from '../test/support/started.ts'
import { LAYOUTS } from './support/layouts.ts'
import { figure, machine, median, progress, table } from './support/report.ts'

interface Cost {
  readonly perSecond: number
  readonly bytesOnDisk: number
  readonly bytesWritten: number
}

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    runs: { type: 'string', default: '3' },
    rows: { type: 'string', default: '1000000' },
    commit: { type: 'string', default: '500' },
    series: { type: 'string', default: '200' },
  },
})
const runs = Number(values.runs)
const names = Object.keys(LAYOUTS)
const costs = new Map<string, Cost[]>(names.map((name) => [name, []]))

async function measure(name: string): Promise<Cost> {
  const child = startScript('bench/support/layout-child.ts', [name, values.rows, values.commit, values.series])
  if ((await child.exit) !== 0) throw new Error(`${name}: ${child.stderr}`)
  return JSON.parse(child.stdout) as Cost
}

try {
  for (let round = 0; round < runs; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length]!
      const cost = await measure(name)
      costs.get(name)!.push(cost)
      progress(`${name}: ${figure(cost.perSecond)} rows/s, ${figure(cost.bytesWritten)} bytes written a row`)
    }
  }
  const results = names.map((name) => {
    const of = (pick: (cost: Cost) => number): number => median(costs.get(name)!.map(pick))
    return {
      layout: name,
      perSecond: of((cost) => cost.perSecond),
      bytesOnDisk: of((cost) => cost.bytesOnDisk),
      bytesWritten: of((cost) => cost.bytesWritten),
    }
  })
  const ours = results[0]!
  console.log(
    `\n${values.rows} readings of ${values.series} series, ${values.commit} in a commit, every commit synced\n`,
  )
  console.log(
    table(
      ['', 'rows/s', 'bytes on disk', 'bytes written', 'written, ratio'],
      results.map((one) => [
        one.layout,
        figure(one.perSecond),
        figure(one.bytesOnDisk),
        figure(one.bytesWritten),
        figure(one.bytesWritten / ours.bytesWritten),
      ]),
    ),
  )
  if (values.json)
    console.log(JSON.stringify({ bench: 'store', ...machine(), runs, rows: Number(values.rows), results }))
} finally {
  await stopStarted()
}
